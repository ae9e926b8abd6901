/* SPDX-License-Identifier: GPL-2.0 */
/* The ACPI tables that tell Linux what a pc.h machine has. */
#ifndef PENUMBRA_ACPI_H
#define PENUMBRA_ACPI_H

#include <stddef.h>
#include <stdint.h>

/*
 * Write the tables for @cpus vCPUs and @disks disks into @to, which the guest
 * has at @gpa. Returns their size, or 0 if @room is not enough. The RSDP comes
 * first.
 */
size_t acpi_write(uint8_t *to, size_t room, uint64_t gpa, unsigned int cpus,
		  unsigned int disks);

#endif
