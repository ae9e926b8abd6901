// SPDX-License-Identifier: GPL-2.0
/*
 * What a pc.h machine has beside its vCPUs and its serial port, as a sequence of
 * struct wire_state. Comes after the vCPUs: setting the IO-APIC sends what is
 * pending in it to local APICs.
 *
 * There is no routing among it, as nobody changes the one that the device makes.
 */
#include "pc.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

struct writer {
	uint8_t *at;
};

/* Room for a part, zeroed. */
static void *begin(struct writer *w, enum wire_state_kind kind, size_t len)
{
	struct wire_state s = { .kind = kind, .length = len };
	uint8_t *data = w->at + sizeof(s);

	memcpy(w->at, &s, sizeof(s));
	memset(data, 0, len);
	w->at = data + len;
	return data;
}

/* The chips in the kernel: the kinds follow each other as KVM's ids do. */
static int save_chips(struct vm *vm, struct writer *w)
{
	struct kvm_irqchip chip;
	__u32 id;

	for (id = KVM_IRQCHIP_PIC_MASTER; id <= KVM_IRQCHIP_IOAPIC; id++) {
		memset(&chip, 0, sizeof(chip));
		chip.chip_id = id;
		if (ioctl(vm->fd, KVM_GET_IRQCHIP, &chip))
			return -1;
		memcpy(begin(w, STATE_PIC_MASTER + id, sizeof(chip)), &chip,
		       sizeof(chip));
	}
	return ioctl(vm->fd, KVM_GET_PIT2,
		     begin(w, STATE_PIT, sizeof(struct kvm_pit_state2)));
}

int64_t pc_save(struct vm *vm, uint8_t *buf, char *err, size_t errlen)
{
	struct writer w = { .at = buf };
	unsigned int i;

	if (save_chips(vm, &w)) {
		snprintf(err, errlen, "reading the interrupt chips: %s",
			 strerror(errno));
		return -1;
	}
	memcpy(begin(&w, STATE_PORTS, sizeof(vm->pc->ports)), &vm->pc->ports,
	       sizeof(vm->pc->ports));
	for (i = 0; i < vm->pc->ndisks; i++)
		disk_save(vm->pc->disks[i],
			  begin(&w, STATE_DISK, sizeof(struct wire_disk)));
	return w.at - buf;
}

static const char *load_chip(struct vm *vm, const void *data)
{
	return ioctl(vm->fd, KVM_SET_IRQCHIP, data) ? strerror(errno) : NULL;
}

static const char *load_pit(struct vm *vm, const void *data)
{
	return ioctl(vm->fd, KVM_SET_PIT2, data) ? strerror(errno) : NULL;
}

static const char *load_ports(struct vm *vm, const void *data)
{
	memcpy(&vm->pc->ports, data, sizeof(vm->pc->ports));
	return NULL;
}

static const struct part {
	enum wire_state_kind kind;
	const char *name;
	size_t size;
	const char *(*load)(struct vm *vm, const void *data);
} parts[] = {
	{ STATE_PIC_MASTER, "the PIC", sizeof(struct kvm_irqchip), load_chip },
	{ STATE_PIC_SLAVE, "the second PIC", sizeof(struct kvm_irqchip),
	  load_chip },
	{ STATE_IOAPIC, "the IO-APIC", sizeof(struct kvm_irqchip), load_chip },
	{ STATE_PIT, "the PIT", sizeof(struct kvm_pit_state2), load_pit },
	{ STATE_PORTS, "ports", sizeof(struct wire_ports), load_ports },
};

struct reader {
	struct vm *vm;
	uint32_t seen;		/* bit per entry of parts[] */
	unsigned int disks;
	char *err;
	size_t errlen;
};

static int fail(const struct reader *r, const char *name, const char *why)
{
	snprintf(r->err, r->errlen, "setting %s: %s", name, why);
	return -1;
}

static int load_disk(struct reader *r, const uint8_t *data, size_t len)
{
	struct wire_disk w;
	const char *why;

	if (len != sizeof(w) || r->disks == r->vm->pc->ndisks)
		return fail(r, "a disk", "the stream makes no sense");
	memcpy(&w, data, sizeof(w));
	why = disk_load(r->vm->pc->disks[r->disks], &w);
	if (why)
		return fail(r, r->vm->pc->disks[r->disks]->path, why);
	r->disks++;
	return 0;
}

/* @data is aligned for any struct: all parts are of multiples of 8 bytes. */
static int load_part(struct reader *r, const struct wire_state *s,
		     const uint8_t *data)
{
	const char *why;
	unsigned int i;

	if (s->kind == STATE_DISK)
		return load_disk(r, data, s->length);
	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		if (parts[i].kind != s->kind || parts[i].size != s->length)
			continue;
		r->seen |= 1U << i;
		why = parts[i].load(r->vm, data);
		return why ? fail(r, parts[i].name, why) : 0;
	}
	return fail(r, "devices", "a part that nobody knows");
}

int pc_load(struct vm *vm, const uint8_t *buf, size_t len, char *err,
	    size_t errlen)
{
	struct reader r = { .vm = vm, .err = err, .errlen = errlen };
	struct wire_state s;

	for (; len >= sizeof(s); len -= s.length, buf += s.length) {
		memcpy(&s, buf, sizeof(s));
		buf += sizeof(s);
		len -= sizeof(s);
		if (s.length > len)
			break;
		if (load_part(&r, &s, buf))
			return -1;
	}
	if (len || r.seen != (1U << ARRAY_SIZE(parts)) - 1 ||
	    r.disks != vm->pc->ndisks)
		return fail(&r, "devices", "some are missing");
	return 0;
}
