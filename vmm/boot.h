/* SPDX-License-Identifier: GPL-2.0 */
/* How a guest begins: image, parameter page, page tables, registers. */
#ifndef PENUMBRA_BOOT_H
#define PENUMBRA_BOOT_H

#include "options.h"
#include "vm.h"

struct image {
	uint64_t entry;
	uint64_t end;	/* first byte behind it */
	bool is_32;	/* entered in protected mode */
};

/*
 * Put the image at @path, ELF or flat, into the guest's memory. "builtin:NAME"
 * is one of the guests that penumbra carries, built for 32 bits if @is_32.
 */
void image_load(struct vm *vm, const char *path, bool is_32,
		struct image *image);
/* Names of the guests that penumbra carries, for the help text. */
extern const char image_builtins[];

/* Load the guest and make it ready to begin at its image's entry. */
void boot_guest(struct vm *vm, const struct guest_options *o);
/* Make the machine that the guest wants, and boot it. */
void boot_create(struct vm *vm, struct device *dev,
		 const struct guest_options *o, enum log_kind log);
/* Have @v enter with @regs in 64-bit mode, all memory mapped one to one. */
void boot_long_mode(struct vcpu *v, struct kvm_regs *regs);
/* The CPUID of vCPU @id: what the device supports, with its own APIC id. */
struct kvm_cpuid2 *boot_cpuid(const struct device *dev, unsigned int id);

#endif
