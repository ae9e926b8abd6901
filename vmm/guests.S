/* SPDX-License-Identifier: GPL-2.0 */
/* The guests that penumbra carries, as their ELF files. */
	.section .rodata
	.macro guest name, file
	.balign 16
	.globl guest_\name, guest_\name\()_end
guest_\name:
	.incbin "\file"
guest_\name\()_end:
	.endm

	guest writer, "writer.elf"
	guest reader, "reader.elf"
	guest idle, "idle.elf"
	guest writer32, "writer32.elf"
	guest reader32, "reader32.elf"
	guest idle32, "idle32.elf"

	.section .note.GNU-stack, "", @progbits
