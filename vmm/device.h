/* SPDX-License-Identifier: GPL-2.0 */
/* A KVM device and what it can do. */
#ifndef PENUMBRA_DEVICE_H
#define PENUMBRA_DEVICE_H

#include <linux/kvm.h>
#include <stdbool.h>
#include <stddef.h>

struct device {
	int fd;
	const char *path;
	size_t run_size;
	unsigned int max_cpus;
	bool has_xsave, has_xcrs, has_events, has_debugregs, has_stats;
	struct kvm_cpuid2 *cpuid;	/* what it supports */
	struct kvm_msr_list *msrs;	/* what a guest's state consists of */
};

/* Open @path and learn what it is; ends the program if it is of no use. */
void device_open(struct device *dev, const char *path);
void device_close(struct device *dev);

#endif
