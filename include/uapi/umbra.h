/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * What umbra adds to the KVM ABI of <linux/kvm.h>. Every number stands in a
 * range of its own, so that no KVM client meets one by accident.
 */
#ifndef _UAPI_UMBRA_H
#define _UAPI_UMBRA_H

#include <linux/types.h>

#define UM_BASE 0x756d0000

/*
 * Machine types for KVM_CREATE_VM. Type 0 takes the engine that the module
 * parameter engine= names. EOPNOTSUPP where an engine is not built.
 */
#define UM_VM_TYPE_TDP (UM_BASE + 1)	/* EPT maps guest memory */
#define UM_VM_TYPE_SHADOW (UM_BASE + 2) /* shadow page tables map it */

/* KVM_CHECK_EXTENSION: bit n set when UM_BASE + n can be created. */
#define UM_CAP_VM_TYPES (UM_BASE + 1)

/*
 * How a write fault that needs only the W bit back is fixed. CHECK_EXTENSION:
 * mask of 1 << mode. KVM_ENABLE_CAP on a VM: args[0] is the mode, at any time.
 */
#define UM_CAP_FASTPATH (UM_BASE + 2)
#define UM_FASTPATH_OFF 0
#define UM_FASTPATH_TAG 1
#define UM_FASTPATH_MW 2

#endif
