// SPDX-License-Identifier: GPL-2.0
/*
 * The guest's own runtime: the call to the test and the traps.
 *
 * The 256 entries push a zero where the CPU pushes no error code,
 * then the vector, and meet in one tail that saves the general registers as
 * struct trap_frame and calls guest_trap().
 */
#include "lib/guest.h"
#include "lib/vm.h"

void ucall(u64 cmd, u64 a, u64 b, u64 c, u64 d, u64 e)
{
	volatile struct ucall call = { .cmd = cmd, .arg = { a, b, c, d, e } };

	asm volatile("outl %%eax, %%dx"
		     : : "a"((u32)(u64)&call), "d"(UCALL_PORT) : "memory");
}

void (*guest_handlers[GUEST_VECTORS])(struct trap_frame *frame);

void guest_trap(struct trap_frame *frame)
{
	if (guest_handlers[frame->vector]) {
		guest_handlers[frame->vector](frame);
		return;
	}
	if (frame->r9 == SAFE_MAGIC) {
		frame->rip = frame->r10;
		frame->r9 = TRAPPED | frame->vector;
		frame->r10 = frame->error;
		return;
	}
	for (;;)
		ucall(UCALL_TRAP, frame->vector, frame->error, frame->rip,
		      read_cr2(), frame->rsp);
}

/* #DF #TS #NP #SS #GP #PF #AC #CP #VC #SX push an error code. */
asm(".pushsection .text\n"
	".balign 16\n"
	".globl guest_trap_entries\n"
	"guest_trap_entries:\n"
	".set vec, 0\n"
	".rept 256\n"
	"	.balign 16\n"
	"	.if vec > 31 || !((1 << (vec & 31)) & 0x60227d00)\n"
	"	pushq $0\n"
	"	.endif\n"
	"	pushq $vec\n"
	"	jmp guest_trap_tail\n"
	"	.set vec, vec + 1\n"
	".endr\n"
	"guest_trap_tail:\n"
	"	push %rax\n	push %rbx\n	push %rcx\n	push %rdx\n"
	"	push %rsi\n	push %rdi\n	push %rbp\n	push %r8\n"
	"	push %r9\n	push %r10\n	push %r11\n	push %r12\n"
	"	push %r13\n	push %r14\n	push %r15\n"
	"	mov %rsp, %rdi\n"
	"	mov %rsp, %rbx\n"
	"	and $-16, %rsp\n"
	"	cld\n"
	"	call guest_trap\n"
	"	mov %rbx, %rsp\n"
	"	pop %r15\n	pop %r14\n	pop %r13\n	pop %r12\n"
	"	pop %r11\n	pop %r10\n	pop %r9\n	pop %r8\n"
	"	pop %rbp\n	pop %rdi\n	pop %rsi\n	pop %rdx\n"
	"	pop %rcx\n	pop %rbx\n	pop %rax\n"
	"	add $16, %rsp\n"
	"	iretq\n"
	".popsection\n");
