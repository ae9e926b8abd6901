/* SPDX-License-Identifier: GPL-2.0 */
/* The device's own statistics of a VM, by KVM_GET_STATS_FD. */
#ifndef PENUMBRA_STATS_H
#define PENUMBRA_STATS_H

#include "vm.h"

#define STATS_MAX 32
#define STATS_NAME 48

/* Counters of page faults and the like, by name, summed over all vCPUs. */
struct fault_stats {
	unsigned int n;		/* 0: the device has none */
	struct {
		char name[STATS_NAME];
		uint64_t value;
	} stat[STATS_MAX];
};

void stats_read(struct vm *vm, struct fault_stats *out);
/* What came to each since @before; names as in @now. */
void stats_since(const struct fault_stats *before,
		 const struct fault_stats *now, struct fault_stats *out);
/* The value called @name, or 0. */
uint64_t stats_value(const struct fault_stats *s, const char *name);

#endif
