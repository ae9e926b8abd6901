/* SPDX-License-Identifier: GPL-2.0 */
/* First instruction of every 32-bit guest; ports.h says what registers hold. */

	.section .text.start, "ax"
	.globl _start
_start:
	xorl	%ebp, %ebp
	pushl	%esi
	pushl	%edi
	call	guest_main
	/* Returned: this vCPU has nothing left to do. */
1:	hlt
	jmp	1b
	.section .note.GNU-stack, "", @progbits
