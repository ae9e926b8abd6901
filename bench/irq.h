/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What irq.c and its guest agree on. The guest reads it as assembly.
 */
#ifndef _UMBRA_BENCH_IRQ_H
#define _UMBRA_BENCH_IRQ_H

#define IRQ_PORT_ASK	0x10
#define IRQ_PORT_END	0x11

/* Registers of the local APIC: offsets in the page, MSRs */
#define IRQ_EOI		0xb0
#define IRQ_ICR		0x300
#define IRQ_TMICT	0x380
#define IRQ_X2_EOI	0x80b
#define IRQ_X2_ICR	0x830
#define IRQ_X2_SELF	0x83f
#define IRQ_DEADLINE	0x6e0

#ifndef __ASSEMBLER__
extern const char irq_image[], irq_image_end[];
extern const char irq_not_ended[], irq_xapic[], irq_x2apic[], irq_late[];
extern const char irq_window[], irq_ask[], irq_end_page[], irq_end_msr[];
extern const char irq_self_page[], irq_self_msr[], irq_arm_page[];
extern const char irq_arm_msr[], irq_timer_page[], irq_timer_spin[];
extern const char irq_timer_halt[], irq_cr8[], irq_ipi_page[];
extern const char irq_ipi_msr[], irq_spin[], irq_halt[];
#endif

#endif
