/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The guest of access.h, in either width: BITS is 32 or 64. Across exceptions
 * di is the setup, bp the access, dx and bx how many of them are left.
 */
#include "lib/access.h"

#define UCALL_PORT 0x5e0
#define CAT_(a, b) a##b
#define CAT(a, b) CAT_(a, b)
#if BITS == 64
#define R(x) %r##x
#define IRET iretq
#define USER_CODE ACCESS_USER_CODE64
	.code64
#else
#define R(x) %e##x
#define IRET iret
#define USER_CODE ACCESS_USER_CODE32
	.code32
#endif
#define MAIN CAT(access_main, BITS)
#define TRAPS CAT(access_traps, BITS)

	.text
	.globl MAIN
MAIN:
	mov $access_batch, R(bx)
	mov B_EFER(R(bx)), %eax
	xor %edx, %edx
	mov $0xc0000080, %ecx
	wrmsr
	mov B_CR4(R(bx)), R(ax)
	mov R(ax), %cr4
	mov B_CR0(R(bx)), R(ax)
	mov R(ax), %cr0
	mov B_CR3(R(bx)), R(ax)
	test R(ax), R(ax)
	jz 1f
	mov R(ax), %cr3
1:	lea B_SETUP(R(bx)), R(di)
	mov B_NR(R(bx)), %edx

.Lsetup:
	mov S_NR_ENTRIES(R(di)), %ecx
.Lset:
	dec %ecx
	js .Lset_all
	mov S_GPA(R(di), R(cx), 8), R(si)
#if BITS == 32
	cmpl $4, access_batch + B_SIZE
	je 1f
	mov (%esi), %eax
	cmp %eax, S_ENTRY(%edi, %ecx, 8)
	jne 2f
	mov 4(%esi), %eax
	cmp %eax, S_ENTRY + 4(%edi, %ecx, 8)
	je .Lset
2:	movl $0, (%esi)
	mov S_ENTRY + 4(%edi, %ecx, 8), %eax
	mov %eax, 4(%esi)
1:
#endif
	mov S_ENTRY(R(di), R(cx), 8), R(ax)
	cmp R(ax), (R(si))
	je .Lset
	mov R(ax), (R(si))
	jmp .Lset
.Lset_all:
	mov S_VA(R(di)), R(si)
	invlpg (R(si))
	mov S_NR(R(di)), %ebx
	lea S_ACCESS(R(di)), R(bp)

.Laccess:
	mov A_OP(R(bp)), %eax
	mov S_VA(R(di)), R(si)
	mov %eax, %ecx
	and $3, %ecx
	shl $4, %ecx
	test $ACCESS_USER, %al
	jnz .Luser
	push $ACCESS_FLAGS
	test $ACCESS_AC, %al
	jz 1f
	orl $ACCESS_FLAG_AC, (R(sp))
1:	popf
	add $access_stub, R(cx)
	mov A_VALUE(R(bp)), %eax
	jmp *R(cx)
.Luser:
	add access_batch + B_STUB, R(cx)
	push $ACCESS_USER_DATA
	push $0
	push $ACCESS_FLAGS
	test $ACCESS_AC, %al
	jz 1f
	orl $ACCESS_FLAG_AC, (R(sp))
1:	push $USER_CODE
	push R(cx)
	mov A_VALUE(R(bp)), %eax
	IRET

/* #DF #TS #NP #SS #GP #PF #AC #CP #VC #SX push an error code. */
	.balign 16
	.globl TRAPS
TRAPS:
	.set vec, 0
	.rept 32
	.balign 16
	.if !((1 << vec) & 0x60227d00)
	push $0
	.endif
	push $vec
	jmp .Ltrap
	.set vec, vec + 1
	.endr

.Ltrap:
	pop A_VECTOR(R(bp))
	pop A_ERROR(R(bp))
	mov %eax, A_VALUE(R(bp))
	mov %cr2, R(cx)
	mov R(cx), A_CR2(R(bp))
	mov $access_stack_top, R(sp)
	push $ACCESS_FLAGS
	popf
	mov S_NR_ENTRIES(R(di)), %ecx
.Lget:
	dec %ecx
	js .Lget_all
	mov S_GPA(R(di), R(cx), 8), R(si)
	mov (R(si)), R(ax)
	mov R(ax), A_ENTRY(R(bp), R(cx), 8)
#if BITS == 32
	cmpl $4, access_batch + B_SIZE
	je .Lget
	mov 4(%esi), %eax
	mov %eax, A_ENTRY + 4(%ebp, %ecx, 8)
#endif
	jmp .Lget
.Lget_all:
	add $A_BYTES, R(bp)
	dec %ebx
	jnz .Laccess
	add $S_BYTES, R(di)
	dec %edx
	jnz .Lsetup
	mov $access_call, %eax
	mov $UCALL_PORT, %edx
	outl %eax, %dx
	jmp MAIN
	.section .note.GNU-stack, "", @progbits
