/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The guest: routines of long mode, position independent, without a stack and
 * without data, so that the only memory touched is what is to be measured.
 *
 *   in   r10 count, rsi first address, rdi stride, r11 not 0: mark the window
 *   out  r8 and r9, the time stamps before and after; ended by HLT
 *
 * The markers (xchg %bx, %bx) stand outside the time stamps.
 */
	.macro	stamp reg
	rdtsc
	shl	$32, %rdx
	or	%rdx, %rax
	mov	%rax, \reg
	.endm

	.macro	mark
	test	%r11, %r11
	jz	.Lunmarked\@
	xchg	%bx, %bx
.Lunmarked\@:
	.endm

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

	.globl	guest_end
guest_end:

	.section .note.GNU-stack, "", @progbits
