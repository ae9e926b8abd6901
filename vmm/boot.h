/* SPDX-License-Identifier: GPL-2.0 */
/* How a guest begins: image, parameter page, page tables, registers. */
#ifndef PENUMBRA_BOOT_H
#define PENUMBRA_BOOT_H

#include "vm.h"

struct image {
	uint64_t entry;
	uint64_t end;	/* first byte behind it */
};

/*
 * Put the image at @path, ELF64 or flat, into the guest's memory. "builtin:NAME"
 * is one of the guests that penumbra carries.
 */
void image_load(struct vm *vm, const char *path, struct image *image);
/* Names of the guests that penumbra carries, for the help text. */
extern const char image_builtins[];

/* Make the guest ready to begin at the image's entry. */
void boot_prepare(struct vm *vm, const struct image *image, const char *args);
/* The CPUID of vCPU @id: what the device supports, with its own APIC id. */
struct kvm_cpuid2 *boot_cpuid(const struct device *dev, unsigned int id);

#endif
