/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Into the guest and out of it.
 *
 * Between the exit label and the end of um_vmx_enter() the guest may have
 * poisoned the return stack, the branch history and SPEC_CTRL, so: no RET, no
 * indirect branch, before those are the host's again. What needs doing is
 * patched in by the kernel's own feature bits (bugs.c decides, not we).
 */
#include <linux/linkage.h>
#include <asm/asm.h>
#include <asm/cpufeatures.h>
#include <asm/msr-index.h>
#include <asm/nospec-branch.h>
#include <asm/percpu.h>
#include <asm/segment.h>
#include <asm/unwind_hints.h>
#include "entry.h"

#define FIELD_HOST_RSP 0x6c14

.section .noinstr.text, "ax"

SYM_FUNC_START(um_vmx_enter)
	push	%rbp
	mov	%rsp, %rbp
	push	%r15
	push	%r14
	push	%r13
	push	%r12
	push	%rbx
	push	%rdi

	/* The thread's stack moves seldom: save the VMWRITE. */
	cmp	%rsp, ENTER_HOST_RSP(%rdi)
	je	.Lrsp_done
	mov	%rsp, ENTER_HOST_RSP(%rdi)
	mov	$FIELD_HOST_RSP, %edx
.Lvmwrite:
	vmwrite	%rsp, %rdx
	jna	.Lfail
	_ASM_EXTABLE(.Lvmwrite, .Lfail)
.Lrsp_done:

	ALTERNATIVE "jmp .Lspec_done", "", X86_FEATURE_MSR_SPEC_CTRL
	movl	ENTER_SPEC_CTRL(%rdi), %eax
	cmpl	%eax, PER_CPU_VAR(x86_spec_ctrl_current)
	je	.Lspec_done
	mov	$MSR_IA32_SPEC_CTRL, %ecx
	xor	%edx, %edx
	wrmsr
.Lspec_done:

	/* CF survives until the jump: VERW changes ZF only. */
	btl	$0, ENTER_LAUNCHED(%rdi)

	mov	ENTER_GPR(0)(%rdi), %rax
	mov	ENTER_GPR(1)(%rdi), %rcx
	mov	ENTER_GPR(2)(%rdi), %rdx
	mov	ENTER_GPR(3)(%rdi), %rbx
	mov	ENTER_GPR(5)(%rdi), %rbp
	mov	ENTER_GPR(6)(%rdi), %rsi
	mov	ENTER_GPR(8)(%rdi), %r8
	mov	ENTER_GPR(9)(%rdi), %r9
	mov	ENTER_GPR(10)(%rdi), %r10
	mov	ENTER_GPR(11)(%rdi), %r11
	mov	ENTER_GPR(12)(%rdi), %r12
	mov	ENTER_GPR(13)(%rdi), %r13
	mov	ENTER_GPR(14)(%rdi), %r14
	mov	ENTER_GPR(15)(%rdi), %r15
	mov	ENTER_GPR(7)(%rdi), %rdi

	/* Not VM_CLEAR_CPU_BUFFERS: the kernel sets that for AMD's VMRUN. */
	CLEAR_CPU_BUFFERS
	jnc	.Llaunch

	/*
	 * Control comes back at um_vmx_exit_label with HOST_RSP, which is
	 * the stack as it stands here: tell objtool.
	 */
	UNWIND_HINT_SAVE
.Lresume:
	vmresume
	jmp	.Lfail
.Llaunch:
	vmlaunch
	jmp	.Lfail
	_ASM_EXTABLE(.Lresume, .Lfail)
	_ASM_EXTABLE(.Llaunch, .Lfail)

SYM_INNER_LABEL_ALIGN(um_vmx_exit_label, SYM_L_GLOBAL)
	UNWIND_HINT_RESTORE
	ENDBR

	push	%rdi
	mov	8(%rsp), %rdi
	mov	%rax, ENTER_GPR(0)(%rdi)
	mov	%rcx, ENTER_GPR(1)(%rdi)
	mov	%rdx, ENTER_GPR(2)(%rdi)
	mov	%rbx, ENTER_GPR(3)(%rdi)
	mov	%rbp, ENTER_GPR(5)(%rdi)
	mov	%rsi, ENTER_GPR(6)(%rdi)
	pop	ENTER_GPR(7)(%rdi)
	mov	%r8, ENTER_GPR(8)(%rdi)
	mov	%r9, ENTER_GPR(9)(%rdi)
	mov	%r10, ENTER_GPR(10)(%rdi)
	mov	%r11, ENTER_GPR(11)(%rdi)
	mov	%r12, ENTER_GPR(12)(%rdi)
	mov	%r13, ENTER_GPR(13)(%rdi)
	mov	%r14, ENTER_GPR(14)(%rdi)
	mov	%r15, ENTER_GPR(15)(%rdi)
	xor	%ebx, %ebx

.Lclear:
	/*
	 * No guest value is left in a register for the host's speculation;
	 * rbx is the result, rdi our own pointer.
	 */
	xor	%eax, %eax
	xor	%ecx, %ecx
	xor	%edx, %edx
	xor	%ebp, %ebp
	xor	%esi, %esi
	xor	%r8d, %r8d
	xor	%r9d, %r9d
	xor	%r10d, %r10d
	xor	%r11d, %r11d
	xor	%r12d, %r12d
	xor	%r13d, %r13d
	xor	%r14d, %r14d
	xor	%r15d, %r15d

	FILL_RETURN_BUFFER %rcx, RSB_CLEAR_LOOPS, X86_FEATURE_RSB_VMEXIT, \
			   X86_FEATURE_RSB_VMEXIT_LITE

	pop	%rdi

	/*
	 * IBRS that is not "enhanced" protects only when it was written after
	 * the exit, so KERNEL_IBRS writes even an equal value.
	 */
	ALTERNATIVE "jmp .Lhost_spec_done", "", X86_FEATURE_MSR_SPEC_CTRL
	movl	PER_CPU_VAR(x86_spec_ctrl_current), %eax
	ALTERNATIVE "", "jmp .Lhost_spec_write", X86_FEATURE_KERNEL_IBRS
	cmpl	%eax, ENTER_SPEC_CTRL(%rdi)
	je	.Lhost_spec_fence
.Lhost_spec_write:
	mov	$MSR_IA32_SPEC_CTRL, %ecx
	xor	%edx, %edx
	wrmsr
.Lhost_spec_fence:
	lfence
.Lhost_spec_done:

	CLEAR_BRANCH_HISTORY_VMEXIT

	mov	%ebx, %eax
	pop	%rbx
	pop	%r12
	pop	%r13
	pop	%r14
	pop	%r15
	pop	%rbp
	RET

.Lfail:
	/* The entry did not happen: rsp is ours, the registers the guest's. */
	mov	$1, %ebx
	jmp	.Lclear
SYM_FUNC_END(um_vmx_enter)

/*
 * An NMI that ends the guest stays blocked until the next IRET. Build the
 * frame the CPU would have pushed and call the handler: its IRET returns here
 * and unblocks.
 */
SYM_FUNC_START(um_do_nmi)
	push	%rbp
	mov	%rsp, %rbp
	and	$-16, %rsp
	push	$__KERNEL_DS
	push	%rbp
	pushf
	push	$__KERNEL_CS
	call	UM_NMI_ENTRY
	/* IRET restored rsp already; objtool cannot know. */
	mov	%rbp, %rsp
	pop	%rbp
	RET
SYM_FUNC_END(um_do_nmi)
