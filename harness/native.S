/* SPDX-License-Identifier: GPL-2.0 */
/*
 * native_run(): load a whole register file, run one instruction, store the
 * register file. The instruction is followed by a jump to native_return.
 * Nothing between touches a flag or needs a stack, so even RSP is free.
 */
	.bss
	.balign 8
	.globl	native_regs
native_regs:
	.skip	18 * 8		/* struct um_emul_regs: gpr[16], rip, rflags */
host_rsp:
	.skip	8

	.text
	.globl	native_run
	.type	native_run, @function
native_run:
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	pushfq
	mov	%rsp, host_rsp(%rip)
	push	native_regs+17*8(%rip)
	popfq
	mov	native_regs+0*8(%rip), %rax
	mov	native_regs+1*8(%rip), %rcx
	mov	native_regs+2*8(%rip), %rdx
	mov	native_regs+3*8(%rip), %rbx
	mov	native_regs+4*8(%rip), %rsp
	mov	native_regs+5*8(%rip), %rbp
	mov	native_regs+6*8(%rip), %rsi
	mov	native_regs+7*8(%rip), %rdi
	mov	native_regs+8*8(%rip), %r8
	mov	native_regs+9*8(%rip), %r9
	mov	native_regs+10*8(%rip), %r10
	mov	native_regs+11*8(%rip), %r11
	mov	native_regs+12*8(%rip), %r12
	mov	native_regs+13*8(%rip), %r13
	mov	native_regs+14*8(%rip), %r14
	mov	native_regs+15*8(%rip), %r15
	jmp	*native_regs+16*8(%rip)

	.globl	native_return
native_return:
	mov	%rax, native_regs+0*8(%rip)
	mov	%rcx, native_regs+1*8(%rip)
	mov	%rdx, native_regs+2*8(%rip)
	mov	%rbx, native_regs+3*8(%rip)
	mov	%rsp, native_regs+4*8(%rip)
	mov	%rbp, native_regs+5*8(%rip)
	mov	%rsi, native_regs+6*8(%rip)
	mov	%rdi, native_regs+7*8(%rip)
	mov	%r8, native_regs+8*8(%rip)
	mov	%r9, native_regs+9*8(%rip)
	mov	%r10, native_regs+10*8(%rip)
	mov	%r11, native_regs+11*8(%rip)
	mov	%r12, native_regs+12*8(%rip)
	mov	%r13, native_regs+13*8(%rip)
	mov	%r14, native_regs+14*8(%rip)
	mov	%r15, native_regs+15*8(%rip)
	mov	host_rsp(%rip), %rsp
	pushfq
	pop	native_regs+17*8(%rip)
	popfq
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	ret
	.size	native_run, . - native_run

	.section .note.GNU-stack, "", @progbits
