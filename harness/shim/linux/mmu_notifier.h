/* STUB: a type. */
/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_LINUX_MMU_NOTIFIER_H
#define _SHIM_LINUX_MMU_NOTIFIER_H

struct mm_struct;

struct mmu_notifier {
	void *unused;
};

#endif
