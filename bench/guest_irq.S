/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The guest that takes interrupts (irq.c): routines as those of guest.S, but
 * ended by a write to IRQ_PORT_END, because HLT waits.
 *
 *   in   r10 count, rsi address of the APIC's page, rbx, rbp: what the routine
 *        says; rdi: where this vCPU counts its interrupts for others to see;
 *        r11 not 0: mark the window
 *   out  r8 and r9, the time stamps before and after; r13 a sum of ticks
 *
 * A handler changes rax, rcx and rdx, counts in r15, and there is one for each
 * way to end an interrupt.
 */
#include "guest.h"
#include "irq.h"

	.macro	routine name
	.globl	\name
\name:
	xor	%r13d, %r13d
	mark
	stamp	%r8
	.endm

	.macro	done
	stamp	%r9
	mark
	out	%al, $IRQ_PORT_END
	.endm

	.macro	msr index
	mov	$\index, %ecx
	xor	%edx, %edx
	wrmsr
	.endm

	.macro	seen
	inc	%r15
	mov	%r15, (%rdi)
	.endm

	.macro	late
	stamp	%rax
	sub	%r12, %rax
	add	%rax, %r13
	.endm

	.section .rodata
	.globl	irq_image
irq_image:

	.globl	irq_not_ended
irq_not_ended:
	seen
	iretq

	.globl	irq_xapic
irq_xapic:
	seen
	movl	$0, IRQ_EOI(%rsi)
	iretq

	.globl	irq_x2apic
irq_x2apic:
	seen
	xor	%eax, %eax
	msr	IRQ_X2_EOI
	iretq

	/* r12: when it was due */
	.globl	irq_late
irq_late:
	late
	seen
	xor	%eax, %eax
	msr	IRQ_X2_EOI
	iretq

	/* User space queues one while it must wait for the window. */
	routine	irq_window
1:	cli
	out	%al, $IRQ_PORT_ASK
	sti
	nop
	dec	%r10
	jnz	1b
	done

	/* User space makes one at each write. */
	routine	irq_ask
1:	out	%al, $IRQ_PORT_ASK
	dec	%r10
	jnz	1b
	done

	routine	irq_end_page
1:	movl	$0, IRQ_EOI(%rsi)
	dec	%r10
	jnz	1b
	done

	routine	irq_end_msr
1:	xor	%eax, %eax
	msr	IRQ_X2_EOI
	dec	%r10
	jnz	1b
	done

	/* rbx: the low half of the ICR */
	routine	irq_self_page
1:	movl	%ebx, IRQ_ICR(%rsi)
	dec	%r10
	jnz	1b
	done

	routine	irq_self_msr
1:	mov	%ebx, %eax
	msr	IRQ_X2_SELF
	dec	%r10
	jnz	1b
	done

	/* Timers that do not expire; rbx: the count, or ticks from now */
	routine	irq_arm_page
1:	movl	%ebx, IRQ_TMICT(%rsi)
	dec	%r10
	jnz	1b
	done

	.macro	arm_deadline
	stamp	%rax
	add	%rbx, %rax
	mov	%rax, %r12
	mov	%rax, %rdx
	shr	$32, %rdx
	mov	$IRQ_DEADLINE, %ecx
	wrmsr
	.endm

	routine	irq_arm_msr
1:	arm_deadline
	dec	%r10
	jnz	1b
	done

	/* Timers that do: it spins, or halts, until then. */
	routine	irq_timer_page
1:	mov	%r15, %r14
	movl	%ebx, IRQ_TMICT(%rsi)
2:	cmp	%r15, %r14
	je	2b
	dec	%r10
	jnz	1b
	done

	routine	irq_timer_spin
1:	mov	%r15, %r14
	arm_deadline
2:	cmp	%r15, %r14
	je	2b
	dec	%r10
	jnz	1b
	done

	routine	irq_timer_halt
	cli
1:	mov	%r15, %r14
	arm_deadline
2:	sti
	hlt
	cli
	cmp	%r15, %r14
	je	2b
	dec	%r10
	jnz	1b
	done

	/* rbx: a task priority, which alternates with 0 */
	routine	irq_cr8
	xor	%eax, %eax
1:	mov	%rbx, %cr8
	mov	%rax, %cr8
	sub	$2, %r10
	jnz	1b
	done

	/* To another vCPU, which counts at rbp. */
	routine	irq_ipi_page
1:	mov	(%rbp), %r14
	movl	%ebx, IRQ_ICR(%rsi)
2:	cmp	%r14, (%rbp)
	je	2b
	dec	%r10
	jnz	1b
	done

	/* rbx: both halves */
	routine	irq_ipi_msr
1:	mov	(%rbp), %r14
	mov	%ebx, %eax
	mov	%rbx, %rdx
	shr	$32, %rdx
	mov	$IRQ_X2_ICR, %ecx
	wrmsr
2:	cmp	%r14, (%rbp)
	je	2b
	dec	%r10
	jnz	1b
	done

	/* Takes the count of interrupts from others. */
	routine	irq_spin
1:	cmp	%r10, %r15
	jb	1b
	done

	routine	irq_halt
1:	cli
	cmp	%r10, %r15
	jae	2f
	sti
	hlt
	jmp	1b
2:	done

	.globl	irq_image_end
irq_image_end:

	.section .note.GNU-stack, "", @progbits
