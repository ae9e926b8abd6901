// SPDX-License-Identifier: GPL-2.0
/*
 * CPUID of a pc.h machine: what the device supports, and over it what only the
 * VMM knows: one package of so many cores, each with its APIC id; the TSC's
 * frequency; that this is a hypervisor.
 *
 * Of KVM's leaves only the name is given, where there is an x2APIC: Linux takes
 * that without interrupt remapping from KVM alone. No feature of them is: the
 * TSC is the clock.
 */
#include "cpuid.h"

#include "pc.h"

#include <stdlib.h>
#include <string.h>

#define ECX1_X2APIC		(1U << 21)
#define ECX1_DEADLINE		(1U << 24)
#define ECX1_HYPERVISOR		(1U << 31)
#define EDX1_HTT		(1U << 28)

#define APIC_HZ 1000000000U	/* KVM's local APICs count nanoseconds */

struct table {
	struct kvm_cpuid2 *c;
	unsigned int id, cpus, bits;	/* bits: of the APIC id, within the package */
};

static struct kvm_cpuid_entry2 *find(struct table *t, __u32 function,
				     __u32 index)
{
	__u32 i;

	for (i = 0; i < t->c->nent; i++)
		if (t->c->entries[i].function == function &&
		    t->c->entries[i].index == index)
			return &t->c->entries[i];
	return NULL;
}

/* What is there is written over. */
static void set(struct table *t, __u32 function, __u32 index,
		const __u32 regs[4])
{
	struct kvm_cpuid_entry2 *e = find(t, function, index);

	if (!e) {
		e = &t->c->entries[t->c->nent++];
		e->function = function;
		e->index = index;
	}
	/* Of those set here the leaves of topology have several. */
	e->flags = function == 0xb ? KVM_CPUID_FLAG_SIGNIFCANT_INDEX : 0;
	e->eax = regs[0];
	e->ebx = regs[1];
	e->ecx = regs[2];
	e->edx = regs[3];
}

/* Leaves that would tell of another machine: the host, or KVM's own clock. */
static bool is_foreign(const struct kvm_cpuid_entry2 *e)
{
	return e->function >> 28 == 4 || e->function == 0xa ||
	       e->function == 0xb || e->function == 0x1f ||
	       e->function == 0x15 || e->function == 0x16;
}

static void copy(struct table *t, const struct kvm_cpuid2 *from)
{
	__u32 i;

	for (i = 0; i < from->nent; i++)
		if (!is_foreign(&from->entries[i]))
			t->c->entries[t->c->nent++] = from->entries[i];
}

/* Each core has its caches but the last level. */
static __u32 sharing(const struct table *t, __u32 level)
{
	return level >= 3 ? (1U << t->bits) - 1 : 0;
}

static void set_topology(struct table *t)
{
	struct kvm_cpuid_entry2 *e = find(t, 1, 0);
	__u32 i;

	e->ebx = (e->ebx & 0xff00) | t->id << 24 | (1U << t->bits) << 16;
	e->edx = t->cpus > 1 ? e->edx | EDX1_HTT : e->edx & ~EDX1_HTT;
	for (i = 0; i < t->c->nent; i++) {
		e = &t->c->entries[i];
		if (e->function == 4 && e->eax & 0x1f)
			e->eax = (e->eax & 0x3fff) |
				 sharing(t, e->eax >> 5 & 7) << 14 |
				 ((1U << t->bits) - 1) << 26;
		else if (e->function == 0x8000001d && e->eax & 0x1f)
			e->eax = (e->eax & 0x3fff) |
				 sharing(t, e->eax >> 5 & 7) << 14;
	}
	set(t, 0xb, 0, (__u32[]){ 0, 1, 0x100, t->id });
	set(t, 0xb, 1, (__u32[]){ t->bits, t->cpus, 0x201, t->id });
	if (!find(t, 0x8000001e, 0))
		return;
	/* AMD's own. */
	set(t, 0x8000001e, 0, (__u32[]){ t->id, t->id, 0, 0 });
	e = find(t, 0x80000008, 0);
	if (e)
		e->ecx = t->bits << 12 | (t->cpus - 1);
}

void cpuid_tsc_ratio(uint32_t khz, uint32_t *n, uint32_t *d)
{
	uint64_t num = khz, den = APIC_HZ / 1000, max = UINT32_MAX / den;
	uint64_t n0 = 0, n1 = 1, d0 = 1, d1 = 0, a, next;

	/* The convergents of the continued fraction. */
	while (den) {
		a = num / den;
		if (a * n1 + n0 > max)
			break;
		next = a * n1 + n0;
		n0 = n1;
		n1 = next;
		next = a * d1 + d0;
		d0 = d1;
		d1 = next;
		next = num % den;
		num = den;
		den = next;
	}
	*n = n1;
	*d = d1;
}

/*
 * A crystal that is the local APIC's clock, and how much faster the TSC is: with
 * these Linux on an Intel CPU measures neither.
 */
static void set_clocks(struct table *t, const struct vm *vm)
{
	uint32_t khz = pc_tsc_khz(vm), n, d;

	if (!khz)
		return;
	cpuid_tsc_ratio(khz, &n, &d);
	set(t, 0x15, 0, (__u32[]){ d, n, APIC_HZ, 0 });
	set(t, 0x16, 0, (__u32[]){ khz / 1000, khz / 1000, 100, 0 });
}

static void set_features(struct table *t, const struct device *dev)
{
	struct kvm_cpuid_entry2 *e = find(t, 1, 0);

	e->ecx |= ECX1_HYPERVISOR;
	/* Whether there is one goes by a capability, as a VM may have no APIC. */
	if (dev->has_deadline)
		e->ecx |= ECX1_DEADLINE;
	if (!(e->ecx & ECX1_X2APIC))
		return;
	set(t, 0x40000000, 0, (__u32[]){ 0x40000001, 0x4b4d564b, 0x564b4d56,
					 0x4d });
	set(t, 0x40000001, 0, (__u32[]){ 0, 0, 0, 0 });
}

struct kvm_cpuid2 *pc_cpuid(const struct vm *vm, unsigned int id)
{
	const struct kvm_cpuid2 *from = vm->dev->cpuid;
	struct table t = { .id = id, .cpus = vm->ncpus };
	struct kvm_cpuid_entry2 *e;

	while (1U << t.bits < t.cpus)
		t.bits++;
	t.c = xcalloc(1, sizeof(*from) +
			 (from->nent + 8) * sizeof(from->entries[0]));
	copy(&t, from);
	e = find(&t, 0, 0);
	if (!e || !find(&t, 1, 0))
		die("%s supports no CPUID", vm->dev->path);
	if (e->eax < 0x16)
		e->eax = 0x16;
	set_topology(&t);
	set_clocks(&t, vm);
	set_features(&t, vm->dev);
	return t.c;
}
