/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The guest: routines of long mode, position independent, without a stack and
 * without data, so that the only memory touched is what is to be measured.
 *
 *   in   r10 count, rsi first address, rdi stride, r11 not 0: mark the window
 *        rbx, rbp: what the routine says
 *   out  r8 and r9, the time stamps before and after; ended by HLT
 *
 * The markers (xchg %bx, %bx) stand outside the time stamps.
 */
#include "guest.h"

	.macro	routine name
	.globl	\name
\name:
	mark
	stamp	%r8
	.endm

	.macro	done
	stamp	%r9
	mark
	hlt
	.endm

	.section .rodata
	.globl	guest_start
guest_start:

	routine	guest_nothing
	done

	routine	guest_cpuid
1:	xor	%eax, %eax
	xor	%ecx, %ecx
	cpuid
	dec	%r10
	jnz	1b
	done

	routine	guest_out
1:	out	%al, $0x10
	dec	%r10
	jnz	1b
	done

	routine	guest_write
1:	movb	$1, (%rsi)
	add	%rdi, %rsi
	dec	%r10
	jnz	1b
	done

	/* rbx: address of the first entry, rbp: what to put there; INVLPG; touch */
	routine	guest_rewrite
1:	mov	%rbp, (%rbx)
	invlpg	(%rsi)
	movb	$1, (%rsi)
	add	$8, %rbx
	add	$0x1000, %rbp
	add	%rdi, %rsi
	dec	%r10
	jnz	1b
	done

	routine	guest_invlpg
1:	invlpg	(%rsi)
	add	%rdi, %rsi
	dec	%r10
	jnz	1b
	done

	/* To the root rbx, to the root rbp, and so on; the count is even. */
	routine	guest_switch
1:	mov	%rbx, %cr3
	mov	%rbp, %cr3
	sub	$2, %r10
	jnz	1b
	done

	routine	guest_switch_touch
1:	mov	%rbx, %cr3
	movb	$1, (%rsi)
	mov	%rbp, %cr3
	movb	$1, (%rsi)
	sub	$2, %r10
	jnz	1b
	done

	/* To one root after another, from rbx on, a page apart. */
	routine	guest_load
1:	mov	%rbx, %cr3
	add	$0x1000, %rbx
	dec	%r10
	jnz	1b
	done

	.globl	guest_end
guest_end:

	.globl	storm_image, storm_image_end
storm_image:
	.incbin	"storm.bin"
storm_image_end:

	.section .note.GNU-stack, "", @progbits
