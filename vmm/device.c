// SPDX-License-Identifier: GPL-2.0
/*
 * A KVM device and what it can do.
 *
 * penumbra runs on any device that speaks the KVM ABI. What is optional is found
 * out here once, by KVM_CHECK_EXTENSION or by an ioctl that is answered ENOTTY.
 */
#include "device.h"

#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <umbra.h>
#include <unistd.h>

#define MAX_ENTRIES 4096U
#define MSR_TSC_DEADLINE 0x6e0

/* State of a 64-bit guest for a device that has no list of its own. */
static const __u32 fixed_msrs[] = {
	0x10,		/* TSC */
	0x174,		/* SYSENTER_CS */
	0x175,		/* SYSENTER_ESP */
	0x176,		/* SYSENTER_EIP */
	0x277,		/* PAT */
	0xc0000081,	/* STAR */
	0xc0000082,	/* LSTAR */
	0xc0000083,	/* CSTAR */
	0xc0000084,	/* SYSCALL_MASK */
	0xc0000102,	/* KERNEL_GS_BASE */
	0xc0000103,	/* TSC_AUX */
};

static int has(struct device *dev, int cap)
{
	int ret = ioctl(dev->fd, KVM_CHECK_EXTENSION, cap);

	return ret < 0 ? 0 : ret;
}

static void read_cpuid(struct device *dev)
{
	__u32 n = 64;

	for (;; n *= 2) {
		dev->cpuid = xrealloc(dev->cpuid, sizeof(*dev->cpuid) +
				      n * sizeof(struct kvm_cpuid_entry2));
		memset(dev->cpuid, 0, sizeof(*dev->cpuid));
		dev->cpuid->nent = n;
		if (!ioctl(dev->fd, KVM_GET_SUPPORTED_CPUID, dev->cpuid))
			return;
		if (errno != E2BIG || n > MAX_ENTRIES)
			die("%s: KVM_GET_SUPPORTED_CPUID: %s", dev->path,
			    strerror(errno));
	}
}

static void read_msr_list(struct device *dev)
{
	struct kvm_msr_list probe = { .nmsrs = 0 };
	__u32 n = ARRAY_SIZE(fixed_msrs);

	if (ioctl(dev->fd, KVM_GET_MSR_INDEX_LIST, &probe) && errno == E2BIG &&
	    probe.nmsrs <= MAX_ENTRIES)
		n = probe.nmsrs;
	else
		probe.nmsrs = 0;
	dev->msrs = xcalloc(1, sizeof(probe) + (n + 1) * sizeof(__u32));
	dev->msrs->nmsrs = n;
	if (!probe.nmsrs ||
	    ioctl(dev->fd, KVM_GET_MSR_INDEX_LIST, dev->msrs)) {
		dev->msrs->nmsrs = ARRAY_SIZE(fixed_msrs);
		memcpy(dev->msrs->indices, fixed_msrs, sizeof(fixed_msrs));
	}
	/* A device may not list it; and it wants to be set after the TSC. */
	if (dev->has_deadline)
		dev->msrs->indices[dev->msrs->nmsrs++] = MSR_TSC_DEADLINE;
}

static void choose_engine(struct device *dev, const char *engine,
			  const char *ptw)
{
	dev->engine = engine;
	dev->ptw = -1;
	if (engine) {
		dev->vm_type = strcmp(engine, "shadow") ? UM_VM_TYPE_TDP :
							  UM_VM_TYPE_SHADOW;
		if (!(has(dev, UM_CAP_VM_TYPES) >>
		      (dev->vm_type - UM_BASE) & 1))
			die("%s has no %s engine", dev->path, engine);
	}
	if (ptw) {
		dev->ptw = strcmp(ptw, "oos") ? UM_PTW_MODE_EMUL :
						UM_PTW_MODE_OOS;
		if (!(has(dev, UM_CAP_PTW) >> dev->ptw & 1))
			die("%s has no mode %s of page table writes",
			    dev->path, ptw);
	}
}

void device_open(struct device *dev, const char *path, const char *engine,
		 const char *ptw)
{
	int version, size;

	memset(dev, 0, sizeof(*dev));
	dev->path = path;
	dev->fd = open(path, O_RDWR | O_CLOEXEC);
	if (dev->fd < 0)
		die("%s: %s", path, strerror(errno));
	version = ioctl(dev->fd, KVM_GET_API_VERSION, 0);
	if (version != KVM_API_VERSION)
		die("%s does not speak the KVM ABI (version %d)", path,
		    version);
	if (!has(dev, KVM_CAP_USER_MEMORY) || !has(dev, KVM_CAP_EXT_CPUID) ||
	    !has(dev, KVM_CAP_IMMEDIATE_EXIT))
		die("%s lacks USER_MEMORY, EXT_CPUID or IMMEDIATE_EXIT", path);
	size = ioctl(dev->fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (size < (int)sizeof(struct kvm_run))
		die("%s: no usable KVM_GET_VCPU_MMAP_SIZE", path);
	dev->run_size = size;
	dev->max_cpus = has(dev, KVM_CAP_MAX_VCPUS);
	if (!dev->max_cpus)
		dev->max_cpus = has(dev, KVM_CAP_NR_VCPUS);
	if (!dev->max_cpus)
		dev->max_cpus = 4;	/* what api.rst says to assume */
	dev->has_xsave = has(dev, KVM_CAP_XSAVE);
	dev->has_xcrs = has(dev, KVM_CAP_XCRS);
	dev->has_events = has(dev, KVM_CAP_VCPU_EVENTS);
	dev->has_debugregs = has(dev, KVM_CAP_DEBUGREGS);
	dev->has_deadline = has(dev, KVM_CAP_TSC_DEADLINE_TIMER);
	dev->has_stats = has(dev, KVM_CAP_BINARY_STATS_FD);
	choose_engine(dev, engine, ptw);
	read_cpuid(dev);
	read_msr_list(dev);
}

void device_close(struct device *dev)
{
	free(dev->cpuid);
	free(dev->msrs);
	close(dev->fd);
}
