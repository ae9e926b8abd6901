// SPDX-License-Identifier: GPL-2.0
/*
 * The state of a vCPU, as a sequence of struct wire_state.
 *
 * The parts are the structs of the KVM ABI, read and set by one ioctl each, in
 * the order in which they depend on each other: CPUID decides what the others
 * may hold, and setting SREGS may change what DEBUGREGS and EVENTS set. SREGS has
 * the local APIC's mode, the local APIC that of its timer, whose deadline is an
 * MSR and a time of the TSC. What a
 * device does not have is left out; what the sender's device had and ours has
 * not is refused.
 */
#include "state.h"

#include "tsc.h"
#include "wire.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#define MAX_MSRS 4096
#define MSR_TSC 0x10

struct part {
	enum wire_state_kind kind;
	const char *name;
	unsigned long get, set;
	size_t size;
	size_t cap;	/* offset of a bool in struct device; 0: always */
};

#define PART(k, type, g, s, c) { k, #k, g, s, sizeof(type), c }
#define CAP(field) offsetof(struct device, field)

/* CPUID and MSRs are of no fixed size: see below. XSAVE stands for FPU too. */
static const struct part parts[] = {
	PART(STATE_SREGS, struct kvm_sregs, KVM_GET_SREGS, KVM_SET_SREGS, 0),
	PART(STATE_LAPIC, struct kvm_lapic_state, KVM_GET_LAPIC, KVM_SET_LAPIC,
	     0),
	PART(STATE_XCRS, struct kvm_xcrs, KVM_GET_XCRS, KVM_SET_XCRS,
	     CAP(has_xcrs)),
	PART(STATE_XSAVE, struct kvm_xsave, KVM_GET_XSAVE, KVM_SET_XSAVE,
	     CAP(has_xsave)),
	PART(STATE_FPU, struct kvm_fpu, KVM_GET_FPU, KVM_SET_FPU, 0),
	PART(STATE_DEBUGREGS, struct kvm_debugregs, KVM_GET_DEBUGREGS,
	     KVM_SET_DEBUGREGS, CAP(has_debugregs)),
	PART(STATE_REGS, struct kvm_regs, KVM_GET_REGS, KVM_SET_REGS, 0),
	PART(STATE_EVENTS, struct kvm_vcpu_events, KVM_GET_VCPU_EVENTS,
	     KVM_SET_VCPU_EVENTS, CAP(has_events)),
	PART(STATE_MP_STATE, struct kvm_mp_state, KVM_GET_MP_STATE,
	     KVM_SET_MP_STATE, 0),
};

static bool device_has(const struct vm *vm, const struct part *part)
{
	const struct device *dev = vm->dev;

	if (part->kind == STATE_LAPIC)
		return vm->pc;
	if (part->kind == STATE_FPU)
		return !dev->has_xsave;
	return !part->cap || *((const bool *)dev + part->cap);
}

static uint8_t *put(uint8_t *at, enum wire_state_kind kind, size_t len)
{
	struct wire_state w = { .kind = kind, .length = len };

	memcpy(at, &w, sizeof(w));
	return at + sizeof(w) + len;
}

/* A device's list may name MSRs that it does not let one read: skip these. */
static uint8_t *save_msrs(struct vcpu *v, uint8_t *at, bool without_tsc)
{
	const struct kvm_msr_list *list = v->vm->dev->msrs;
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} one = { .head.nmsrs = 1 };
	uint8_t *p = at + sizeof(struct wire_state);
	__u32 i, n = 0;

	for (i = 0; i < list->nmsrs && n < MAX_MSRS; i++) {
		if (without_tsc && list->indices[i] == MSR_TSC)
			continue;
		one.entry.index = list->indices[i];
		one.entry.data = 0;
		if (ioctl(v->fd, KVM_GET_MSRS, &one) != 1)
			continue;
		memcpy(p, &one.entry, sizeof(one.entry));
		p += sizeof(one.entry);
		n++;
	}
	return put(at, STATE_MSRS, n * sizeof(one.entry));
}

/* Before the other MSRs; a plain machine's TSC is one of them. */
static uint8_t *save_tsc_and_msrs(struct vcpu *v, uint8_t *at)
{
	struct wire_tsc tsc;
	bool told = v->vm->pc && tsc_save(v, &tsc);

	if (told) {
		memcpy(at + sizeof(struct wire_state), &tsc, sizeof(tsc));
		at = put(at, STATE_TSC, sizeof(tsc));
	}
	return save_msrs(v, at, told);
}

static uint8_t *save_cpuid(struct vcpu *v, uint8_t *at)
{
	size_t len = sizeof(*v->cpuid) +
		     v->cpuid->nent * sizeof(struct kvm_cpuid_entry2);

	memcpy(at + sizeof(struct wire_state), v->cpuid, len);
	return put(at, STATE_CPUID, len);
}

int64_t state_save(struct vcpu *v, uint8_t *buf, char *err, size_t errlen)
{
	uint8_t *at = save_cpuid(v, buf);
	struct kvm_mp_state mp;
	unsigned int i;

	/* A vCPU may take in INIT or SIPI by this, which changes all else. */
	ioctl(v->fd, KVM_GET_MP_STATE, &mp);

	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		const struct part *p = &parts[i];

		if (p->kind == STATE_DEBUGREGS)
			at = save_tsc_and_msrs(v, at);
		if (!device_has(v->vm, p))
			continue;
		memset(at, 0, sizeof(struct wire_state) + p->size);
		if (ioctl(v->fd, p->get, at + sizeof(struct wire_state))) {
			snprintf(err, errlen, "vCPU %u: reading %s: %s", v->id,
				 p->name, strerror(errno));
			return -1;
		}
		at = put(at, p->kind, p->size);
	}
	return at - buf;
}

static int load_cpuid(struct vcpu *v, const uint8_t *data, size_t len)
{
	const struct kvm_cpuid2 *c = (const void *)data;

	if (len < sizeof(*c) ||
	    (len - sizeof(*c)) / sizeof(c->entries[0]) != c->nent) {
		errno = EBADMSG;
		return -1;
	}
	free(v->cpuid);
	v->cpuid = xcalloc(1, len);
	memcpy(v->cpuid, data, len);
	return ioctl(v->fd, KVM_SET_CPUID2, v->cpuid);
}

static int load_tsc(struct vcpu *v, const uint8_t *data)
{
	struct wire_tsc tsc;

	memcpy(&tsc, data, sizeof(tsc));
	return tsc_load(v, &tsc);
}

/* One that can not be set is no loss if it already has the value wanted. */
static int load_msrs(struct vcpu *v, const uint8_t *data, size_t len, char *err,
		     size_t errlen)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} one = { .head.nmsrs = 1 };
	struct kvm_msr_entry want;

	for (; len >= sizeof(want); data += sizeof(want), len -= sizeof(want)) {
		memcpy(&want, data, sizeof(want));
		one.entry = want;
		if (ioctl(v->fd, KVM_SET_MSRS, &one) == 1)
			continue;
		if (ioctl(v->fd, KVM_GET_MSRS, &one) == 1 &&
		    one.entry.data == want.data)
			continue;
		snprintf(err, errlen, "vCPU %u: MSR %#x does not take %#llx",
			 v->id, want.index, want.data);
		return -1;
	}
	return 0;
}

static int load_part(struct vcpu *v, const struct wire_state *w,
		     const uint8_t *data, char *err, size_t errlen)
{
	unsigned int i;

	if (w->kind == STATE_MSRS)
		return load_msrs(v, data, w->length, err, errlen);
	if (w->kind == STATE_TSC && v->vm->pc &&
	    w->length == sizeof(struct wire_tsc)) {
		if (!load_tsc(v, data))
			return 0;
		snprintf(err, errlen, "vCPU %u: its TSC: %s", v->id,
			 strerror(errno));
		return -1;
	}
	if (w->kind == STATE_CPUID) {
		if (!load_cpuid(v, data, w->length))
			return 0;
		snprintf(err, errlen, "vCPU %u: its CPUID: %s", v->id,
			 strerror(errno));
		return -1;
	}
	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		const struct part *p = &parts[i];

		if (p->kind != w->kind || p->size != w->length)
			continue;
		if (!ioctl(v->fd, p->set, data))
			return 0;
		snprintf(err, errlen, "vCPU %u: setting %s: %s", v->id,
			 p->name, strerror(errno));
		return -1;
	}
	snprintf(err, errlen, "vCPU %u: state of kind %u, %u bytes", v->id,
		 w->kind, w->length);
	return -1;
}

int state_load(struct vcpu *v, const uint8_t *buf, size_t len, char *err,
	       size_t errlen)
{
	struct wire_state w;

	while (len) {
		if (len < sizeof(w))
			goto damaged;
		memcpy(&w, buf, sizeof(w));
		buf += sizeof(w);
		len -= sizeof(w);
		if (w.length > len)
			goto damaged;
		if (load_part(v, &w, buf, err, errlen))
			return -1;
		buf += w.length;
		len -= w.length;
	}
	return 0;

damaged:
	snprintf(err, errlen, "vCPU %u: its state is damaged", v->id);
	return -1;
}
