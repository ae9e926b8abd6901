/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The interrupt chips of a VM, as the files of irq/ share them. None of it
 * knows a kernel: what the chips ask of the world is in port.h.
 *
 * Whose what is:
 *	um_lapic	of a vCPU; what says "any" below is changed atomically by
 *			whoever sends an interrupt, in any context. The rest is
 *			the vCPU's (vcpu->mutex), and read by senders, hence
 *			WRITE_ONCE and READ_ONCE.
 *	um_pic, um_ioapic, um_pit
 *			each has a lock, taken with interrupts off. Nobody is
 *			told of an acknowledged interrupt with one held.
 */
#ifndef _UMBRA_IRQ_CHIPS_H
#define _UMBRA_IRQ_CHIPS_H

#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/compiler.h>
#include <linux/kvm.h>
#include <linux/rcupdate.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#define UM_APICS_MAX 64 /* as UM_VCPUS_MAX */
#define UM_VECTORS 256
#define UM_VECTOR_LONGS (UM_VECTORS / 64)
#define UM_VECTOR_MIN 16 /* below are the CPU's own */

/* Delivery modes: SDM, "Local Vector Table", "Interrupt Command Register" */
enum um_irq_mode {
	UM_IRQ_FIXED,
	UM_IRQ_LOWEST,
	UM_IRQ_SMI,
	UM_IRQ_RESERVED,
	UM_IRQ_NMI,
	UM_IRQ_INIT,
	UM_IRQ_SIPI,
	UM_IRQ_EXTINT,
};

enum um_irq_shorthand {
	UM_IRQ_TO_DEST,
	UM_IRQ_TO_SELF,
	UM_IRQ_TO_ALL,
	UM_IRQ_TO_OTHERS,
};

/* An interrupt on its way to local APICs. */
struct um_irq_msg {
	u32 dest;
	u8 vector;
	u8 mode;      /* enum um_irq_mode */
	u8 shorthand; /* enum um_irq_shorthand */
	bool wide;    /* dest has 32 bits: x2APIC */
	bool exact;   /* 0xff is an x2APIC's id */
	bool logical;
	bool level;   /* triggered so */
	bool assert;
};

/* Who holds an input of a chip up: it is the OR of them all. */
enum um_irq_source {
	UM_IRQ_USER,
	UM_IRQ_RESAMPLE,
	UM_IRQ_PIT,
};

/*
 * What becomes of a change of a line, as KVM_IRQ_LINE_STATUS tells it: masked
 * or without a target, or merged with one that is pending, or so many times
 * delivered.
 */
#define UM_IRQ_IGNORED (-1)
#define UM_IRQ_COALESCED 0

/* Registers of a local APIC by their offset in the page. */
#define UM_LAPIC_ID 0x020
#define UM_LAPIC_VERSION 0x030
#define UM_LAPIC_TPR 0x080
#define UM_LAPIC_APR 0x090
#define UM_LAPIC_PPR 0x0a0
#define UM_LAPIC_EOI 0x0b0
#define UM_LAPIC_LDR 0x0d0
#define UM_LAPIC_DFR 0x0e0
#define UM_LAPIC_SPIV 0x0f0
#define UM_LAPIC_ISR 0x100
#define UM_LAPIC_TMR 0x180
#define UM_LAPIC_IRR 0x200
#define UM_LAPIC_ESR 0x280
#define UM_LAPIC_ICR 0x300
#define UM_LAPIC_ICR2 0x310
#define UM_LAPIC_LVTT 0x320
#define UM_LAPIC_LVT_THERMAL 0x330
#define UM_LAPIC_LVT_PERF 0x340
#define UM_LAPIC_LVT0 0x350
#define UM_LAPIC_LVT1 0x360
#define UM_LAPIC_LVT_ERROR 0x370
#define UM_LAPIC_TMICT 0x380
#define UM_LAPIC_TMCCT 0x390
#define UM_LAPIC_TDCR 0x3e0
#define UM_LAPIC_SELF_IPI 0x3f0
#define UM_LAPIC_REGS 0x40

#define UM_LVT_MASKED BIT(16)
#define UM_LVT_LEVEL BIT(15)
#define UM_LVT_MODE(lvt) ((lvt) >> 8 & 7)
#define UM_LVTT_MODE 0x60000
#define UM_LVTT_PERIODIC BIT(17)
#define UM_LVTT_DEADLINE BIT(18)
#define UM_SPIV_ENABLED BIT(8)
#define UM_SPIV_BITS 0x3ff

/* Error status register */
#define UM_ESR_SEND_VECTOR 5
#define UM_ESR_RECV_VECTOR 6
#define UM_ESR_REGISTER 7

/* IA32_APIC_BASE */
#define UM_APIC_BASE_BSP BIT(8)
#define UM_APIC_BASE_X2 BIT(10)
#define UM_APIC_BASE_ON BIT(11)
#define UM_APIC_BASE_ADDR (~0xfffull)
#define UM_APIC_BASE_DEFAULT 0xfee00000ull

/* Bits of um_lapic.events: any. */
enum um_lapic_event {
	UM_EVENT_INIT,
	UM_EVENT_SIPI,
	UM_EVENT_TIMER, /* a host's timer rang: host.c */
};

struct um_lapic {
	struct um_irqs *irqs; /* const */
	u32 id;		      /* the vCPU's, and the x2APIC id; const */
	u64 base;	      /* IA32_APIC_BASE */
	u32 *page;		/* of registers, at their offsets; not IRR,
				 * ISR, TMR, PPR. Where the CPU has a TPR
				 * shadow the guest writes that one there.
				 * The address is const.
				 */
	unsigned long irr[UM_VECTOR_LONGS]; /* any */
	unsigned long tmr[UM_VECTOR_LONGS]; /* any; the vector came by level */
	unsigned long isr[UM_VECTOR_LONGS];
	unsigned long events;	/* any */
	unsigned long errors;	/* any; bits of ESR that are not shown yet */
	u8 sipi_vector;		/* any; before its event */
	u32 turns;		/* any; lowest-priority interrupts it got */
	bool has_x2;		/* by CPUID */
	bool has_deadline;
	int eoi_vector;		/* split: an EOI for user space, or -1 */

	/* The timer: lapic_timer.c */
	u64 timer_at;		/* ns; when it counts to 0, 0: does not run */
	u64 timer_period;	/* ns; 0: once */
	u64 deadline;		/* IA32_TSC_DEADLINE */
};

#define UM_IOAPIC_PINS 24
#define UM_IOAPIC_BASE 0xfec00000ull

/* Redirection table entry */
#define UM_REDIR_VECTOR 0xffull
#define UM_REDIR_MODE(e) ((e) >> 8 & 7)
#define UM_REDIR_LOGICAL BIT_ULL(11)
#define UM_REDIR_PENDING BIT_ULL(12)
#define UM_REDIR_REMOTE BIT_ULL(14)
#define UM_REDIR_LEVEL BIT_ULL(15)
#define UM_REDIR_MASKED BIT_ULL(16)
#define UM_REDIR_DEST(e) ((e) >> 56)

struct um_ioapic {
	spinlock_t lock; /* all below, but for vectors */
	u32 select;
	u32 id;
	u64 redir[UM_IOAPIC_PINS];
	u8 lines[UM_IOAPIC_PINS]; /* bits by enum um_irq_source */
	u32 irr;		  /* pins that are up */
	u32 sent;		  /* of them: edges that were delivered */
	/* Vectors that an entry has; READ_ONCE by EOIs, without the lock. */
	unsigned long vectors[UM_VECTOR_LONGS];
};

/* An 8259. */
struct um_pic_half {
	u8 irr, imr, isr;
	u8 last;	 /* levels of the inputs */
	u8 first;	 /* the input that has highest priority */
	u8 base;	 /* vector of input 0 */
	u8 elcr, elcr_mask;
	u8 init;	 /* ICWs that came, 0: all have */
	bool icw4;	 /* a fourth will come */
	bool read_isr;
	bool poll;
	bool special_mask;
	bool auto_eoi;
	bool rotate_auto;
	bool nested;	 /* special fully nested mode */
};

struct um_pic {
	spinlock_t lock; /* all below; output is read without */
	struct um_pic_half half[2]; /* master, slave */
	u8 lines[16];	 /* bits by enum um_irq_source */
	u16 acked;	 /* inputs whose end is to be told, without the lock */
	bool output;	 /* INTR: somebody should take an interrupt */
};

#define UM_PIT_HZ 1193182u
#define UM_PIT_CHANNELS 3

struct um_pit_channel {
	u32 count;	/* 1..65536 */
	u64 loaded;	/* ns; when the count was written */
	u16 latched;
	u8 latch;	/* what of it is not read, as access; 0: none */
	bool status_latched;
	u8 status;
	u8 access;	/* 1: low byte, 2: high, 3: both */
	u8 mode;
	bool bcd, gate;
	bool second_read, second_write;
	u8 low;		/* first byte of a write of both */
};

struct um_pit {
	spinlock_t lock; /* all below; above the other chips' locks */
	struct um_irqs *irqs; /* const */
	struct um_pit_channel ch[UM_PIT_CHANNELS];
	u32 flags;	/* KVM_PIT_FLAGS_* */
	bool reinject;
	bool speaker;	/* const: port 0x61 is ours */
	u32 pending;	/* ticks that the guest did not get yet */
	bool acked;	/* it took the last one */
	u64 at;		/* ns; the next tick, 0: none */
	u64 period;	/* ns; 0: once */
};

/* Where an interrupt of a GSI goes; up to three chips, or one message. */
#define UM_GSIS 4096 /* KVM_MAX_IRQ_ROUTES */
#define UM_CHIP_PIC 0
#define UM_CHIP_IOAPIC 1
#define UM_CHIPS 2

struct um_route {
	u32 gsi;
	bool msi;
	u8 chip, pin;
	u64 address;
	u32 data;
};

struct um_routes {
	struct rcu_head rcu;
	u32 n;
	u32 msi_pins; /* split: GSIs below are pins of user space's IO-APIC */
	s16 gsi_of[UM_CHIPS][UM_IOAPIC_PINS]; /* -1: none */
	struct um_route route[]; /* by GSI */
};

/* All of a VM. */
struct um_irqs {
	struct um_lapic *apic[UM_APICS_MAX]; /* published by napics */
	int napics;
	bool split;		/* IO-APIC, PIC and PIT are user space's */
	u32 bus_ns;		/* of an APIC's clock, 0: 1; before any APIC */
	bool wide_ids;		/* user space names x2APIC ids of 32 bits */
	bool exact_ids;		/* and 0xff is one of them, not everybody */
	bool has_pit;
	struct um_pic pic;
	struct um_ioapic ioapic;
	struct um_pit pit;
	struct um_routes __rcu *routes; /* RCU */
};

/* Numbers of <linux/spinlock.h>'s subclasses: rising order of taking. */
enum um_irq_lock {
	UM_LOCK_PIT = 1,
	UM_LOCK_CHIP, /* PIC or IO-APIC, never both */
};

#define um_for_each_apic(i, apic, irqs)                                      \
	for ((i) = 0; (i) < um_apic_count(irqs) &&                           \
		      ((apic) = (irqs)->apic[i], true); (i)++)

static inline int um_apic_count(const struct um_irqs *irqs)
{
	/* D2: the count before the pointers. Pairs with D1. */
	return smp_load_acquire(&irqs->napics);
}

static inline bool um_has_pit(const struct um_irqs *irqs)
{
	/* D9: that it is there before the PIT. Pairs with D8. */
	return smp_load_acquire(&irqs->has_pit);
}

static inline u32 um_lapic_reg(const struct um_lapic *apic, u32 offset)
{
	return READ_ONCE(apic->page[offset >> 2]);
}

static inline void um_lapic_set_reg(struct um_lapic *apic, u32 offset, u32 val)
{
	WRITE_ONCE(apic->page[offset >> 2], val);
}

/* By IA32_APIC_BASE, and by the spurious-interrupt register on top. */
static inline bool um_lapic_on(const struct um_lapic *apic)
{
	return READ_ONCE(apic->base) & UM_APIC_BASE_ON;
}

static inline bool um_lapic_enabled(const struct um_lapic *apic)
{
	return um_lapic_on(apic) &&
	       (um_lapic_reg(apic, UM_LAPIC_SPIV) & UM_SPIV_ENABLED);
}

static inline bool um_lapic_is_x2(const struct um_lapic *apic)
{
	u64 both = UM_APIC_BASE_ON | UM_APIC_BASE_X2;

	return (READ_ONCE(apic->base) & both) == both;
}

/* lapic.c: vectors and priorities. The vCPU's thread, but for accept. */
bool um_lapic_accept(struct um_lapic *apic, const struct um_irq_msg *msg);
void um_lapic_error(struct um_lapic *apic, int bit);
void um_lapic_local(struct um_lapic *apic, u32 lvt_offset);
u8 um_lapic_ppr(const struct um_lapic *apic);
int um_lapic_next(struct um_lapic *apic);
void um_lapic_take(struct um_lapic *apic, int vector);
void um_lapic_eoi(struct um_lapic *apic);
bool um_lapic_takes_extint(const struct um_lapic *apic);
u32 um_lapic_word(const struct um_lapic *apic);
u8 um_lapic_awaits_tpr(const struct um_lapic *apic);

/* lapic_reg.c: true when there is such a register and it takes that value. */
bool um_lapic_read(struct um_lapic *apic, u32 offset, u32 *val);
bool um_lapic_write(struct um_lapic *apic, u32 offset, u32 val);
void um_lapic_page_read(struct um_lapic *apic, u32 offset, u32 len, void *data);
void um_lapic_page_write(struct um_lapic *apic, u32 offset, u32 len,
			 const void *data);
bool um_lapic_x2_read(struct um_lapic *apic, u32 msr, u64 *val);
bool um_lapic_x2_write(struct um_lapic *apic, u32 msr, u64 val);

/* lapic_timer.c */
void um_lapic_timer_write(struct um_lapic *apic, u32 count);
void um_lapic_timer_divide(struct um_lapic *apic, u32 divide);
void um_lapic_timer_mode(struct um_lapic *apic, u32 lvtt);
void um_lapic_timer_restore(struct um_lapic *apic, u32 current_count);
void um_lapic_timer_stop(struct um_lapic *apic);
u32 um_lapic_timer_count(const struct um_lapic *apic);
void um_lapic_deadline_write(struct um_lapic *apic, u64 deadline);
u64 um_lapic_deadline_read(const struct um_lapic *apic);
void um_lapic_timer_tsc_set(struct um_lapic *apic);
void um_lapic_timer_moved(struct um_lapic *apic);
/* The interrupt of a timer that expired, and its next period. */
void um_lapic_timer_sync(struct um_lapic *apic);

/* lapic_state.c */
void um_lapic_init(struct um_lapic *apic, struct um_irqs *irqs, u32 id,
		   bool bsp);
void um_lapic_reset(struct um_lapic *apic);
bool um_lapic_base_valid(const struct um_lapic *apic, u64 base, bool guest);
void um_lapic_set_base(struct um_lapic *apic, u64 base);
void um_lapic_save(const struct um_lapic *apic, struct kvm_lapic_state *state);
bool um_lapic_load(struct um_lapic *apic, const struct kvm_lapic_state *state);

/* deliver.c: any context. */
int um_irq_deliver(struct um_irqs *irqs, struct um_lapic *from,
		   const struct um_irq_msg *msg);
bool um_irq_matches(const struct um_lapic *apic, const struct um_lapic *from,
		    const struct um_irq_msg *msg);
void um_lapic_send_ipi(struct um_lapic *apic, u32 low, u32 high);

/* ioapic.c: any context, but for the last two and reads and writes */
void um_ioapic_init(struct um_ioapic *ioapic);
int um_ioapic_set(struct um_irqs *irqs, u32 pin, enum um_irq_source source,
		  bool up);
void um_ioapic_eoi(struct um_irqs *irqs, u8 vector);
u32 um_ioapic_read(struct um_irqs *irqs, u32 offset);
void um_ioapic_write(struct um_irqs *irqs, u32 offset, u32 val);
void um_ioapic_save(struct um_irqs *irqs, struct kvm_ioapic_state *state);
void um_ioapic_load(struct um_irqs *irqs, const struct kvm_ioapic_state *state);

/* pic.c, pic_port.c */
void um_pic_init(struct um_pic *pic);
int um_pic_set(struct um_irqs *irqs, u32 pin, enum um_irq_source source,
	       bool up);
int um_pic_take(struct um_irqs *irqs);
u8 um_pic_read(struct um_irqs *irqs, u16 port);
void um_pic_write(struct um_irqs *irqs, u16 port, u8 val);
void um_pic_save(struct um_irqs *irqs, int half, struct kvm_pic_state *state);
void um_pic_load(struct um_irqs *irqs, int half,
		 const struct kvm_pic_state *state);

/* pit.c, pit_port.c */
void um_pit_init(struct um_irqs *irqs, bool speaker);
void um_pit_expired(struct um_irqs *irqs);
void um_pit_acked(struct um_irqs *irqs);
void um_pit_forget_ticks(struct um_irqs *irqs);
void um_pit_load_count(struct um_irqs *irqs, int n, u32 count);
u16 um_pit_count(const struct um_pit_channel *ch, u64 now);
bool um_pit_out(const struct um_pit_channel *ch, u64 now);
void um_pit_gate(struct um_pit_channel *ch, bool gate);
u8 um_pit_read(struct um_irqs *irqs, u16 port);
void um_pit_write(struct um_irqs *irqs, u16 port, u8 val);
void um_pit_set_reinject(struct um_irqs *irqs, bool reinject);
void um_pit_save(struct um_irqs *irqs, struct kvm_pit_state2 *state);
void um_pit_load(struct um_irqs *irqs, const struct kvm_pit_state2 *state);

/* pic.c, for pic_port.c: lock held but to the last */
int um_pic_request(const struct um_pic *pic, int half);
int um_pic_first(const struct um_pic_half *p, u8 inputs);
void um_pic_accept(struct um_pic *pic, int half, int input);
void um_pic_end(struct um_pic *pic, int half, int input);
void um_pic_update(struct um_irqs *irqs);
void um_pic_unlock(struct um_irqs *irqs, unsigned long flags)
	__releases(&irqs->pic.lock);

/*
 * route.c: any context, but for the first three, which make a table: one
 * @entry, or what KVM has at birth; then all of it. False, -1: cannot be.
 */
bool um_route_make(struct um_route *route, const struct um_irqs *irqs,
		   const struct kvm_irq_routing_entry *entry);
void um_routes_default(struct um_routes *routes);
bool um_routes_finish(struct um_routes *routes);
int um_irq_set(struct um_irqs *irqs, u32 gsi, enum um_irq_source source,
	       bool up);
bool um_msi_valid(const struct um_irqs *irqs, u64 address);
int um_irq_msi(struct um_irqs *irqs, u64 address, u32 data);
bool um_routes_eoi_exits(struct um_irqs *irqs, struct um_lapic *apic,
			 u8 vector);
/* An input was served, or unmasked. No lock held. */
void um_irq_acked(struct um_irqs *irqs, u8 chip, u8 pin);
void um_irq_unmasked(struct um_irqs *irqs, u8 chip, u8 pin);

#define UM_ROUTES_DEFAULT (16 + UM_IOAPIC_PINS)

#endif
