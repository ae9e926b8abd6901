// SPDX-License-Identifier: GPL-2.0
/*
 * The machine that Linux finds, and who answers at which port and address.
 *
 * Runs on the vCPUs' threads. Where nobody is a read gives all ones and a write
 * goes nowhere, as on a PC's bus: Linux looks for much that is not here.
 */
#include "pc.h"

#include "rtc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#define PM_CONTROL_ACPI		0x0001	/* SCI_EN: always in ACPI mode */
#define PM_CONTROL_SLEEP	0x2000	/* SLP_EN */

struct port {
	uint16_t first, size;
	uint32_t (*read)(struct vm *vm, unsigned int offset);
	void (*write)(struct vm *vm, unsigned int offset, uint32_t value);
};

static uint32_t read_serial(struct vm *vm, unsigned int offset)
{
	return serial_read(&vm->serial, offset);
}

static void write_serial(struct vm *vm, unsigned int offset, uint32_t value)
{
	serial_write(&vm->serial, offset, value);
}

static void write_reset(struct vm *vm, unsigned int offset, uint32_t value)
{
	(void)offset;
	if (value == PC_RESET_VALUE)
		vm_reboot(vm);
}

/* No event ever comes; but what is enabled must be seen to be. */
static uint32_t read_event(struct vm *vm, unsigned int offset)
{
	return offset == 2 ? vm->pc->ports.pm_enable : 0;
}

static void write_event(struct vm *vm, unsigned int offset, uint32_t value)
{
	if (offset == 2)
		vm->pc->ports.pm_enable = value;
}

static uint32_t read_control(struct vm *vm, unsigned int offset)
{
	(void)vm;
	return offset ? 0 : PM_CONTROL_ACPI;
}

static void write_control(struct vm *vm, unsigned int offset, uint32_t value)
{
	if (!offset && value & PM_CONTROL_SLEEP &&
	    (value >> 10 & 7) == PC_SLP_TYP_OFF)
		vm_end(vm, ST_OK, "the guest powered off");
}

static uint32_t read_rtc(struct vm *vm, unsigned int offset)
{
	return offset ? rtc_read(vm->pc->ports.rtc_index) : 0xff;
}

static void write_rtc(struct vm *vm, unsigned int offset, uint32_t value)
{
	if (!offset)
		vm->pc->ports.rtc_index = value & 0x7f;
}

static const struct port ports[] = {
	{ PC_SERIAL, 8, read_serial, write_serial },
	{ PC_RESET, 1, NULL, write_reset },
	{ PC_PM_EVENT, 4, read_event, write_event },
	{ PC_PM_CONTROL, 2, read_control, write_control },
	{ 0x70, 2, read_rtc, write_rtc },
};

static const struct port *find_port(uint16_t number)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ports); i++)
		if (number >= ports[i].first &&
		    number - ports[i].first < ports[i].size)
			return &ports[i];
	return NULL;
}

void pc_pio(struct vcpu *v)
{
	struct kvm_run *run = v->run;
	const struct port *p = find_port(run->io.port);
	uint8_t *data = (uint8_t *)run + run->io.data_offset;
	unsigned int offset = p ? run->io.port - p->first : 0;
	uint32_t value, i;

	for (i = 0; i < run->io.count; i++, data += run->io.size) {
		if (run->io.direction == KVM_EXIT_IO_OUT) {
			value = 0;
			memcpy(&value, data, run->io.size);
			if (p && p->write)
				p->write(v->vm, offset, value);
		} else {
			value = p && p->read ? p->read(v->vm, offset) : ~0U;
			memcpy(data, &value, run->io.size);
		}
	}
}

void pc_mmio(struct vcpu *v)
{
	struct kvm_run *run = v->run;
	uint64_t at = run->mmio.phys_addr - PC_DISKS;
	struct pc *pc = v->vm->pc;
	struct disk *d = at / PAGE_SIZE < pc->ndisks ?
				 pc->disks[at / PAGE_SIZE] : NULL;

	if (!d && !run->mmio.is_write)
		memset(run->mmio.data, 0xff, sizeof(run->mmio.data));
	else if (d && run->mmio.is_write)
		disk_write(d, at % PAGE_SIZE, run->mmio.data, run->mmio.len);
	else if (d)
		disk_read(d, at % PAGE_SIZE, run->mmio.data, run->mmio.len);
}

static void serial_line(void *ctx, bool level)
{
	struct vm *vm = ctx;
	struct kvm_irq_level line = { .irq = PC_SERIAL_GSI, .level = level };

	if (ioctl(vm->fd, KVM_IRQ_LINE, &line))
		die("KVM_IRQ_LINE: %s", strerror(errno));
}

/* The routing stays the one that the device makes: GSI n is pin n. */
void pc_create(struct vm *vm)
{
	struct kvm_pit_config pit = { .flags = KVM_PIT_SPEAKER_DUMMY };

	if (ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0))
		die("%s: KVM_CREATE_IRQCHIP: %s", vm->dev->path,
		    strerror(errno));
	if (ioctl(vm->fd, KVM_CREATE_PIT2, &pit))
		die("%s: KVM_CREATE_PIT2: %s", vm->dev->path, strerror(errno));
	vm->pc = xcalloc(1, sizeof(*vm->pc));
	vm->serial.unbuffered = true;
	vm->serial.line = serial_line;
	vm->serial.ctx = vm;
}

void pc_add_disks(struct vm *vm, const struct disk_options *o)
{
	struct pc *pc = vm->pc;

	for (; pc->ndisks < o->n; pc->ndisks++)
		pc->disks[pc->ndisks] =
			disk_create(vm, &o->disk[pc->ndisks],
				    PC_DISKS + pc->ndisks * PAGE_SIZE,
				    PC_DISK_GSI + pc->ndisks);
}

uint32_t pc_tsc_khz(const struct vm *vm)
{
	int khz;

	if (!vm->pc->tsc_khz) {
		khz = ioctl(vm->cpus[0].fd, KVM_GET_TSC_KHZ, 0);
		vm->pc->tsc_khz = khz > 0 ? khz : 0;
	}
	return vm->pc->tsc_khz;
}

void pc_pause(struct vm *vm)
{
	unsigned int i;

	vm->pc->moment = tsc_now();

	for (i = 0; i < vm->pc->ndisks; i++)
		disk_pause(vm->pc->disks[i]);
}

void pc_run(struct vm *vm)
{
	unsigned int i;

	for (i = 0; i < vm->pc->ndisks; i++)
		disk_run(vm->pc->disks[i]);
}

void pc_destroy(struct vm *vm)
{
	unsigned int i;

	for (i = 0; i < vm->pc->ndisks; i++)
		disk_destroy(vm->pc->disks[i]);
	free(vm->pc);
	vm->pc = NULL;
}
