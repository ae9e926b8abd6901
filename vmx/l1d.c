// SPDX-License-Identifier: GPL-2.0
/*
 * L1 terminal fault: a guest on an affected CPU may read what is in the L1
 * data cache, so the cache is flushed before an entry that follows code other
 * than our own exit handlers. The policy is the kernel's (l1tf=); the flush
 * is the MSR where microcode has it, otherwise reading through 64K.
 */
#include <linux/cpufeature.h>
#include <linux/gfp.h>
#include <linux/jump_label.h>
#include <asm/cpufeature.h>
#include <asm/hardirq.h>
#include <asm/msr.h>
#include <asm/processor.h>
#include <asm/vmx.h>
#include "vcpu.h"

#define L1D_ORDER 4

DEFINE_STATIC_KEY_FALSE(um_l1d_needed);
static DEFINE_STATIC_KEY_FALSE(l1d_always);
static u8 *l1d_pages;

static bool cpu_affected(void)
{
	u64 caps = 0;

	if (!boot_cpu_has_bug(X86_BUG_L1TF))
		return false;
	if (boot_cpu_has(X86_FEATURE_ARCH_CAPABILITIES))
		rdmsrl(MSR_IA32_ARCH_CAPABILITIES, caps);
	return !(caps & ARCH_CAP_SKIP_VMENTRY_L1DFLUSH);
}

int um_l1d_init(void)
{
	bool always = l1tf_mitigation == L1TF_MITIGATION_FULL ||
		      l1tf_mitigation == L1TF_MITIGATION_FULL_FORCE;

	if (!cpu_affected()) {
		l1tf_vmx_mitigation = VMENTER_L1D_FLUSH_NOT_REQUIRED;
		return 0;
	}
	if (l1tf_mitigation == L1TF_MITIGATION_OFF) {
		l1tf_vmx_mitigation = VMENTER_L1D_FLUSH_NEVER;
		return 0;
	}
	if (!boot_cpu_has(X86_FEATURE_FLUSH_L1D)) {
		l1d_pages = (void *)__get_free_pages(GFP_KERNEL | __GFP_ZERO,
						     L1D_ORDER);
		if (!l1d_pages)
			return -ENOMEM;
	}
	static_branch_enable(&um_l1d_needed);
	if (always)
		static_branch_enable(&l1d_always);
	l1tf_vmx_mitigation = always ? VMENTER_L1D_FLUSH_ALWAYS :
				       VMENTER_L1D_FLUSH_COND;
	return 0;
}

void um_l1d_exit(void)
{
	l1tf_vmx_mitigation = VMENTER_L1D_FLUSH_AUTO;
	free_pages((unsigned long)l1d_pages, L1D_ORDER);
	l1d_pages = NULL;
}

/*
 * Read the pages once for the TLB, then every line for the cache, a page's
 * lines without a branch between them.
 */
static void fill(void)
{
	const u8 *p, *end = l1d_pages + (PAGE_SIZE << L1D_ORDER);

	for (p = l1d_pages; p < end; p += PAGE_SIZE)
		READ_ONCE(*p);
	asm volatile("lfence" : : : "memory");
	for (p = l1d_pages; p < end; p += PAGE_SIZE)
		asm volatile(".set um_line, 0\n\t"
			     ".rept %c[lines]\n\t"
			     "movb um_line(%[page]), %%al\n\t"
			     ".set um_line, um_line + %c[size]\n\t"
			     ".endr"
			     : : [page] "r" (p), [size] "i" (L1_CACHE_BYTES),
				 [lines] "i" (PAGE_SIZE / L1_CACHE_BYTES)
			     : "al", "memory");
	asm volatile("lfence" : : : "memory");
}

/* Interrupts off, just before an entry; um_l1d_needed is on. */
void um_l1d_flush(struct um_vmx *vmx)
{
	if (!static_branch_unlikely(&l1d_always)) {
		/* An interrupt may have run anything since the last entry. */
		if (!vmx->l1d_dirty && !kvm_get_cpu_l1tf_flush_l1d())
			return;
		kvm_clear_cpu_l1tf_flush_l1d();
	}
	vmx->l1d_dirty = false;
	if (!l1d_pages) {
		native_wrmsrl(MSR_IA32_FLUSH_CMD, L1D_FLUSH);
		return;
	}
	fill();
}
