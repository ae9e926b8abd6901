// SPDX-License-Identifier: GPL-2.0
/*
 * CPUID as a guest sees it: the VMM's table, looked up as an Intel CPU would.
 *
 * CPUID is the exit that guests make most for no reason, so the common leaves
 * are found by one look: at the entry in the leaf's place of a small table.
 * Whether that entry is the right one is told by the entry itself, so no index
 * needs a check, and none can be mispredicted.
 */
#include "internal.h"

#include <linux/kvm_para.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <asm/cpufeature.h>
#include <umbra/vmx.h>

#define EXT_BASE 0x80000000u
#define HYP_BASE 0x40000000u
#define HYP_LAST 0x4fffffffu
#define CENTAUR_BASE 0xc0000000u

#define OSXSAVE BIT(X86_FEATURE_OSXSAVE & 31)
#define MWAIT BIT(X86_FEATURE_MWAIT & 31)
#define XSAVE_LEAF 0xd
#define XSAVE_LEGACY 576 /* bytes: legacy region and header */

/* Stands in every place of the table that no leaf has taken. */
static const struct kvm_cpuid_entry2 no_entry = {
	.function = ~0u,
	.flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
};

/* The first 32 leaves of the basic and of the extended range do not meet. */
static unsigned int hot_place(u32 function)
{
	return function >> 31 << 5 | (function & 31);
}

static bool entry_is(const struct kvm_cpuid_entry2 *e, u32 function, u32 index)
{
	return e->function == function &&
	       (e->index == index ||
		!(e->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX));
}

const struct kvm_cpuid_entry2 *um_cpuid_find(const struct um_vcpu *vcpu,
					     u32 function, u32 index)
{
	int i;

	for (i = 0; i < vcpu->ncpuid; i++)
		if (entry_is(&vcpu->cpuid[i], function, index))
			return &vcpu->cpuid[i];
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

/* What is not in the table, or has several entries, or is computed. */
static noinline void cpuid_slow(const struct um_vcpu *vcpu, u32 *eax, u32 *ebx,
				u32 *ecx, u32 *edx)
{
	static const struct kvm_cpuid_entry2 zeroes;
	u32 function = *eax, index = *ecx;
	const struct kvm_cpuid_entry2 *e;

	e = um_cpuid_find(vcpu, function, index);
	if (!e)
		e = find_out_of_range(vcpu, function, index);
	if (!e)
		e = &zeroes;
	*eax = e->eax;
	*ebx = e->ebx;
	*ecx = e->ecx;
	*edx = e->edx;
	if (e == &zeroes)
		topology_end(vcpu, function, index, ecx, edx);
	else if (e->function == XSAVE_LEAF && e->index == 0)
		*ebx = xsave_size(vcpu);
}

/* Two features of leaf 1 depend on the guest's registers. */
static u32 read_ecx1(const struct um_vcpu *vcpu, u32 ecx)
{
	if (vcpu->cpuid_osxsave)
		ecx |= OSXSAVE;
	if (unlikely(vcpu->cpuid_mwait))
		ecx = vcpu->cpuid_mwait > 0 ? ecx | MWAIT : ecx & ~MWAIT;
	return ecx;
}

u32 um_cpuid_ecx1(const struct um_vcpu *vcpu)
{
	const struct kvm_cpuid_entry2 *e = um_cpuid_find(vcpu, 1, 0);

	return read_ecx1(vcpu, e ? e->ecx : 0);
}

void um_cpuid(const struct um_vcpu *vcpu, u32 *eax, u32 *ebx, u32 *ecx,
	      u32 *edx)
{
	u32 function = *eax;
	const struct kvm_cpuid_entry2 *e = vcpu->cpuid_hot[hot_place(function)];

	if (unlikely(e->function != function ||
		     e->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX)) {
		cpuid_slow(vcpu, eax, ebx, ecx, edx);
		return;
	}
	*eax = e->eax;
	*ebx = e->ebx;
	*ecx = e->ecx;
	*edx = e->edx;
	if (function == 1)
		*ecx = read_ecx1(vcpu, e->ecx);
}

void um_cpuid_init(struct um_vcpu *vcpu)
{
	int i;

	for (i = 0; i < UM_CPUID_HOT; i++)
		vcpu->cpuid_hot[i] = &no_entry;
	/* Of several that meet in a place, the first entry of the lowest. */
	for (i = vcpu->ncpuid - 1; i >= 0; i--) {
		const struct kvm_cpuid_entry2 *e = &vcpu->cpuid[i];
		unsigned int place = hot_place(e->function);

		if (e->function != XSAVE_LEAF &&
		    e->function <= vcpu->cpuid_hot[place]->function)
			vcpu->cpuid_hot[place] = e;
	}
}

static bool is_kvm_signature(const struct kvm_cpuid_entry2 *e)
{
	const u32 text[] = { e->ebx, e->ecx, e->edx };

	return e->function >= HYP_BASE && e->function <= HYP_LAST &&
	       !(e->function & 0xff) &&
	       !memcmp(text, KVM_SIGNATURE, sizeof(text));
}

/* KVM's own features, in the first of the hypervisors' ranges that are KVM's. */
static struct kvm_cpuid_entry2 *pv_features(struct kvm_cpuid_entry2 *entry,
					    int n)
{
	const struct kvm_cpuid_entry2 *sig = NULL;
	int i;

	for (i = 0; i < n; i++)
		if (is_kvm_signature(&entry[i]) &&
		    (!sig || entry[i].function < sig->function))
			sig = &entry[i];
	for (i = 0; sig && i < n; i++)
		if (entry[i].function == (sig->function | KVM_CPUID_FEATURES))
			return &entry[i];
	return NULL;
}

bool um_cpuid_pv_allows(const struct um_vcpu *vcpu, int feature)
{
	const struct kvm_cpuid_entry2 *e;

	if (!vcpu->pv_enforced)
		return true;
	e = pv_features(vcpu->cpuid, vcpu->ncpuid);
	return e && e->eax & BIT(feature);
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
	um_cpuid_init(vcpu);
	um_vmx_cpuid_changed(vcpu);
	return 0;
}

/*
 * Padding must not decide whether two tables are equal, nor what follows from the
 * guest's CR4 and XCR0, whatever the table says.
 */
static void entry_clean(struct kvm_cpuid_entry2 *e)
{
	memset(e->padding, 0, sizeof(e->padding));
	if (e->function == 1)
		e->ecx &= ~OSXSAVE;
	else if (e->function == XSAVE_LEAF && e->index == 0)
		e->ebx = 0;
}

/* A vCPU whose HLT does not exit cannot be told by a hypercall to wake. */
static void clear_pv_unhalt(const struct um_vm *vm,
			    struct kvm_cpuid_entry2 *entries, int n)
{
	struct kvm_cpuid_entry2 *e;

	if (!(READ_ONCE(vm->exits_off) & KVM_X86_DISABLE_EXITS_HLT))
		return;
	e = pv_features(entries, n);
	if (e)
		e->eax &= ~BIT(KVM_FEATURE_PV_UNHALT);
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
	for (i = 0; i < cpuid.nent; i++)
		entry_clean(&entries[i]);
	clear_pv_unhalt(vcpu->vm, entries, cpuid.nent);
	r = entries_replace(vcpu, entries, cpuid.nent);
	if (r)
		kvfree(entries);
	return r;
}

/* As the guest reads it: two words depend on its registers. */
static void entry_read(const struct um_vcpu *vcpu, struct kvm_cpuid_entry2 *e)
{
	if (e->function == 1)
		e->ecx = read_ecx1(vcpu, e->ecx);
	else if (e->function == XSAVE_LEAF && e->index == 0)
		e->ebx = xsave_size(vcpu);
}

int um_cpuid_get(const struct um_vcpu *vcpu, struct kvm_cpuid2 __user *user)
{
	struct kvm_cpuid2 cpuid;
	int i;

	if (copy_from_user(&cpuid, user, sizeof(cpuid)))
		return -EFAULT;
	if (cpuid.nent < vcpu->ncpuid)
		return -E2BIG;
	cpuid.nent = vcpu->ncpuid;
	for (i = 0; i < vcpu->ncpuid; i++) {
		struct kvm_cpuid_entry2 e = vcpu->cpuid[i];

		entry_read(vcpu, &e);
		if (copy_to_user(&user->entries[i], &e, sizeof(e)))
			return -EFAULT;
	}
	return copy_to_user(user, &cpuid, sizeof(cpuid)) ? -EFAULT : 0;
}
