/* SPDX-License-Identifier: GPL-2.0 */
/* What the guests' routines share; for assembler. */
#ifndef UMBRA_BENCH_GUEST_H
#define UMBRA_BENCH_GUEST_H

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

#endif
