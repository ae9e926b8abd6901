// SPDX-License-Identifier: GPL-2.0
/*
 * CPUID as a guest sees it: the VMM's table, looked up as an Intel CPU would.
 *
 * CPUID is the exit that guests make most for no reason; the leaves below 32 of
 * the basic and the extended range are found by an index.
 */
#include "internal.h"

#include <linux/nospec.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <asm/cpufeature.h>
#include <umbra/vmx.h>

#define EXT_BASE 0x80000000u
#define HYP_BASE 0x40000000u
#define HYP_LAST 0x4fffffffu
#define CENTAUR_BASE 0xc0000000u

#define XSAVE_LEAF 0xd
#define XSAVE_LEGACY 576 /* bytes: legacy region and header */

const struct kvm_cpuid_entry2 *um_cpuid_find(const struct um_vcpu *vcpu,
					     u32 function, u32 index)
{
	u32 leaf = function & ~EXT_BASE;
	int i = 0;

	if (leaf < UM_CPUID_DIRECT) {
		leaf = array_index_nospec(leaf, UM_CPUID_DIRECT);
		i = vcpu->cpuid_direct[function >> 31][leaf];
		if (i < 0)
			return NULL;
	}
	for (; i < vcpu->ncpuid; i++) {
		const struct kvm_cpuid_entry2 *e = &vcpu->cpuid[i];

		if (e->function != function)
			continue;
		if (e->index == index ||
		    !(e->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX))
			return e;
	}
	return NULL;
}

/* "AuthenticAMD" and "HygonGenuine" answer zero instead. */
static bool has_intel_rules(const struct kvm_cpuid_entry2 *zero)
{
	return zero->ebx != 0x68747541 && zero->ebx != 0x6f677948;
}

/*
 * A leaf above the maximum of its range reads as the highest basic leaf.
 * Hypervisor ranges are each 256 leaves with a maximum of their own.
 */
static const struct kvm_cpuid_entry2 *
find_out_of_range(const struct um_vcpu *vcpu, u32 function, u32 index)
{
	const struct kvm_cpuid_entry2 *zero, *class;
	u32 base = function & EXT_BASE;

	zero = um_cpuid_find(vcpu, 0, 0);
	if (!zero || !has_intel_rules(zero))
		return NULL;
	if (function >= HYP_BASE && function <= HYP_LAST)
		base = function & ~0xffu;
	else if (function >= CENTAUR_BASE)
		base = CENTAUR_BASE;
	class = um_cpuid_find(vcpu, base, 0);
	if (class && function <= class->eax)
		return NULL;
	return um_cpuid_find(vcpu, zero->eax, index);
}

/* Bytes of an XSAVE area for the guest's XCR0, by its own table. */
static u32 xsave_size(const struct um_vcpu *vcpu)
{
	u64 rest = vcpu->cpuid_xcr0 & ~3ULL;
	u32 size = XSAVE_LEGACY;

	while (rest) {
		const struct kvm_cpuid_entry2 *e;
		int i = __ffs64(rest);

		rest &= rest - 1;
		e = um_cpuid_find(vcpu, XSAVE_LEAF, i);
		if (e)
			size = max(size, e->ebx + e->eax);
	}
	return size;
}

/* Extended topology: a level that does not exist still tells the x2APIC id. */
static void topology_end(const struct um_vcpu *vcpu, u32 function, u32 index,
			 u32 *ecx, u32 *edx)
{
	const struct kvm_cpuid_entry2 *e;

	if (function != 0xb && function != 0x1f)
		return;
	e = um_cpuid_find(vcpu, function, 1);
	if (!e)
		return;
	*ecx = index & 0xff;
	*edx = e->edx;
}

void um_cpuid(const struct um_vcpu *vcpu, u32 *eax, u32 *ebx, u32 *ecx,
	      u32 *edx)
{
	u32 function = *eax, index = *ecx;
	const struct kvm_cpuid_entry2 *e;

	e = um_cpuid_find(vcpu, function, index);
	if (!e)
		e = find_out_of_range(vcpu, function, index);
	if (!e) {
		*eax = 0;
		*ebx = 0;
		*ecx = 0;
		*edx = 0;
		topology_end(vcpu, function, index, ecx, edx);
		return;
	}
	*eax = e->eax;
	*ebx = e->ebx;
	*ecx = e->ecx;
	*edx = e->edx;
	/* Two words follow the guest's registers. */
	if (e->function == 1) {
		*ecx &= ~BIT(X86_FEATURE_OSXSAVE & 31);
		if (vcpu->cpuid_osxsave)
			*ecx |= BIT(X86_FEATURE_OSXSAVE & 31);
	} else if (e->function == XSAVE_LEAF && e->index == 0) {
		*ebx = xsave_size(vcpu);
	}
}

static void index_entries(struct um_vcpu *vcpu)
{
	int i;

	memset(vcpu->cpuid_direct, -1, sizeof(vcpu->cpuid_direct));
	for (i = vcpu->ncpuid - 1; i >= 0; i--) {
		u32 function = vcpu->cpuid[i].function;
		u32 leaf = function & ~EXT_BASE;

		if (leaf < UM_CPUID_DIRECT)
			vcpu->cpuid_direct[function >> 31][leaf] = i;
	}
}

/* Canonical addresses have 48 or 57 bits, or the default. */
static bool entries_valid(const struct kvm_cpuid_entry2 *e, int n)
{
	for (; n--; e++) {
		u32 vaddr_bits = e->eax >> 8 & 0xff;

		if (e->function == 0x80000008)
			return vaddr_bits == 48 || vaddr_bits == 57 ||
			       !vaddr_bits;
	}
	return true;
}

/* Features may not change under a guest that has run; the same may be said. */
static int entries_replace(struct um_vcpu *vcpu, struct kvm_cpuid_entry2 *e,
			   int n)
{
	if (vcpu->has_run) {
		if (n != vcpu->ncpuid ||
		    memcmp(e, vcpu->cpuid, n * sizeof(*e)))
			return -EINVAL;
		kvfree(e);
		return 0;
	}
	if (!entries_valid(e, n))
		return -EINVAL;
	kvfree(vcpu->cpuid);
	vcpu->cpuid = e;
	vcpu->ncpuid = n;
	index_entries(vcpu);
	um_vmx_cpuid_changed(vcpu);
	return 0;
}

int um_cpuid_set(struct um_vcpu *vcpu, struct kvm_cpuid2 __user *user)
{
	struct kvm_cpuid_entry2 *entries = NULL;
	struct kvm_cpuid2 cpuid;
	int i, r;

	if (copy_from_user(&cpuid, user, sizeof(cpuid)))
		return -EFAULT;
	if (cpuid.nent > UM_CPUID_MAX)
		return -E2BIG;
	if (cpuid.nent) {
		entries = vmemdup_user(user->entries,
				       cpuid.nent * sizeof(*entries));
		if (IS_ERR(entries))
			return PTR_ERR(entries);
	}
	/* Padding must not decide whether two tables are equal. */
	for (i = 0; i < cpuid.nent; i++)
		memset(entries[i].padding, 0, sizeof(entries[i].padding));
	r = entries_replace(vcpu, entries, cpuid.nent);
	if (r)
		kvfree(entries);
	return r;
}
