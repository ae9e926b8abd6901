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
	bool has_deadline;	/* TSC-deadline timer in the local APICs */
	const char *engine;	/* of the VMs; NULL: its own choice */
	unsigned long vm_type;
	int ptw;		/* UM_PTW_MODE_*; -1: its own choice */
	struct kvm_cpuid2 *cpuid;	/* what it supports */
	struct kvm_msr_list *msrs;	/* what a guest's state consists of */
};

/*
 * Open @path and learn what it is; ends the program if it is of no use, or has
 * not the engine or the mode of page table writes that are asked for.
 */
void device_open(struct device *dev, const char *path, const char *engine,
		 const char *ptw);
void device_close(struct device *dev);

#endif
