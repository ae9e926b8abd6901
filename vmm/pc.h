/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The machine that Linux finds: interrupt chips and PIT in the kernel, a serial
 * port, a real-time clock, power and reset, disks. No PCI, no BIOS.
 */
#ifndef PENUMBRA_PC_H
#define PENUMBRA_PC_H

#include "disk.h"
#include "tsc.h"
#include "vm.h"
#include "wire.h"

/* Addresses, all told to the guest by acpi.c. */
#define PC_TABLES	0xe0000UL	/* where a BIOS would be */
#define PC_TABLES_SIZE	0x10000UL
#define PC_IOAPIC	0xfec00000UL
#define PC_LAPIC	0xfee00000UL
#define PC_SERIAL	0x3f8
#define PC_SERIAL_GSI	4
#define PC_RESET	0x64		/* the keyboard controller's command port */
#define PC_RESET_VALUE	0xfe		/* pulse the reset line */
#define PC_PM_EVENT	0x600		/* ACPI's PM1a: status, enable */
#define PC_PM_CONTROL	0x604
#define PC_SLP_TYP_OFF	5		/* \_S5 */
#define PC_DISKS	0xfeb00000UL	/* a page of registers each */
#define PC_DISK_GSI	16

struct pc {
	struct wire_ports ports;	/* written by the vCPU that has the port */
	struct disk *disks[MAX_DISKS];
	unsigned int ndisks;
	struct tsc_moment moment;	/* of saving or loading vCPUs */
	uint32_t tsc_khz;		/* pc_tsc_khz()'s */
};

/* Between the VM's fd and its vCPUs. */
void pc_create(struct vm *vm);
void pc_destroy(struct vm *vm);
void pc_add_disks(struct vm *vm, const struct disk_options *o);
/* The devices stand still with the vCPUs, and run with them. */
void pc_pause(struct vm *vm);
void pc_run(struct vm *vm);

/*
 * What of it travels; the vCPUs come before. Like state_save() and state_load():
 * STATE_MAX bytes are enough.
 */
int64_t pc_save(struct vm *vm, uint8_t *buf, char *err, size_t errlen);
int pc_load(struct vm *vm, const uint8_t *buf, size_t len, char *err,
	    size_t errlen);
/* Of its vCPUs; 0 if the device does not tell. Asked before they run. */
uint32_t pc_tsc_khz(const struct vm *vm);

/* Serve the KVM_EXIT_IO or KVM_EXIT_MMIO in the vCPU's run page. */
void pc_pio(struct vcpu *v);
void pc_mmio(struct vcpu *v);

#endif
