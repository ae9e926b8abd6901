/* SPDX-License-Identifier: GPL-2.0 */
/*
 * VMs with interrupt controllers in the kernel, and guests that take
 * interrupts: vectors 32 to 255 are counted and ended.
 */
#ifndef SELFTEST_IRQ_H
#define SELFTEST_IRQ_H

#include "lib/vm.h"

#define APIC_PAGE 0xfee00000ul
#define IOAPIC_PAGE 0xfec00000ul

enum irqchip { IRQCHIP_KERNEL, IRQCHIP_SPLIT };

/*
 * As vm_boot(), with a local APIC for each vCPU; CPUID has x2APIC and the TSC
 * deadline. All vCPUs are runnable, at @guest(id).
 */
struct vm *vm_boot_irq(int nr_vcpus, enum irqchip chip, void (*guest)(void));
/* errno or 0; @status may be NULL */
int vm_irq_line(struct vm *vm, u32 gsi, int level, int *status);
int vm_route_msi(struct vm *vm, u32 gsi, u64 address, u32 data);

/* Guest: how often a vector came, whichever vCPU took it. */
extern u64 irq_count[256];
/* How the handler ends an interrupt. */
enum irq_end { END_XAPIC, END_X2APIC, END_PIC, END_NOT };
extern u64 irq_end;
/* Called by the handler before the end of an interrupt. */
extern void (*irq_seen)(u64 vector);

void guest_apic_write(u32 offset, u32 val);
u32 guest_apic_read(u32 offset);
void guest_apic_on(void);	/* software-enabled, TPR 0 */
void guest_x2apic_on(void);
void guest_ioapic_redir(u32 pin, u64 entry);
/* Wait until @vector came @n times, in HLT. */
void guest_wait_irq(u32 vector, u64 n);

static inline void guest_sti(void)
{
	asm volatile("sti" : : : "memory");
}

static inline void guest_cli(void)
{
	asm volatile("cli" : : : "memory");
}

/* Interrupts are on only while it halts. */
static inline void guest_halt(void)
{
	asm volatile("sti; hlt; cli" : : : "memory");
}

static inline void guest_outb(u16 port, u8 val)
{
	asm volatile("outb %0, %1" : : "a"(val), "Nd"(port) : "memory");
}

static inline u8 guest_inb(u16 port)
{
	u8 val;

	asm volatile("inb %1, %0" : "=a"(val) : "Nd"(port) : "memory");
	return val;
}

#endif
