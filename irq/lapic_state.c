// SPDX-License-Identifier: GPL-2.0
/*
 * A local APIC's birth, reset, modes, and its state for user space, which is
 * the page of registers as the guest sees it (KVM_GET_LAPIC). The vCPU's own
 * thread, or who holds its mutex.
 */
#include "chips.h"
#include "port.h"

#include <linux/kernel.h>
#include <linux/string.h>

/* Six LVT entries, integrated. */
#define VERSION 0x00050014u
#define LVT0_EXTINT (UM_IRQ_EXTINT << 8)

/* SDM, "Logical x2APIC ID" */
static u32 x2_ldr(u32 id)
{
	return (id >> 4) << 16 | 1u << (id & 0xf);
}

static void set_ids(struct um_lapic *apic)
{
	if (um_lapic_is_x2(apic)) {
		um_lapic_set_reg(apic, UM_LAPIC_ID, apic->id);
		um_lapic_set_reg(apic, UM_LAPIC_LDR, x2_ldr(apic->id));
	} else {
		um_lapic_set_reg(apic, UM_LAPIC_ID, apic->id << 24);
	}
}

static void clear_bits(unsigned long *bits)
{
	int i;

	for (i = 0; i < UM_VECTOR_LONGS; i++)
		WRITE_ONCE(bits[i], 0);
}

/*
 * An INIT leaves it alone, at every moment: the SIPI that follows may already
 * be looking for its destination.
 */
static bool is_kept(const struct um_lapic *apic, u32 offset)
{
	return offset == UM_LAPIC_ID ||
	       (offset == UM_LAPIC_LDR && um_lapic_is_x2(apic));
}

/* INIT: all but the mode and the IDs. */
void um_lapic_reset(struct um_lapic *apic)
{
	u32 offset;

	um_lapic_timer_stop(apic);
	for (offset = 0; offset < UM_LAPIC_REGS << 4; offset += 0x10) {
		if (!is_kept(apic, offset))
			um_lapic_set_reg(apic, offset, 0);
	}
	for (offset = UM_LAPIC_LVTT; offset <= UM_LAPIC_LVT_ERROR;
	     offset += 0x10)
		um_lapic_set_reg(apic, offset, UM_LVT_MASKED);
	/* Firmware may rely on the boot CPU's "virtual wire". */
	if (apic->base & UM_APIC_BASE_BSP)
		um_lapic_set_reg(apic, UM_LAPIC_LVT0, LVT0_EXTINT);
	um_lapic_set_reg(apic, UM_LAPIC_VERSION, VERSION);
	um_lapic_set_reg(apic, UM_LAPIC_DFR, ~0u);
	um_lapic_set_reg(apic, UM_LAPIC_SPIV, 0xff);
	clear_bits(apic->irr);
	clear_bits(apic->isr);
	clear_bits(apic->tmr);
	apic->errors = 0;
	apic->eoi_vector = -1;
	um_port_look(apic);
}

void um_lapic_init(struct um_lapic *apic, struct um_irqs *irqs, u32 id,
		   bool bsp)
{
	apic->irqs = irqs;
	apic->id = id;
	apic->base = UM_APIC_BASE_DEFAULT | UM_APIC_BASE_ON |
		     (bsp ? UM_APIC_BASE_BSP : 0);
	set_ids(apic);
	um_lapic_reset(apic);
}

/*
 * SDM, "x2APIC State Transitions": what a guest may not do, user space may when
 * it restores a state. Address bits are the caller's to check.
 */
bool um_lapic_base_valid(const struct um_lapic *apic, u64 base, bool guest)
{
	bool on = base & UM_APIC_BASE_ON, x2 = base & UM_APIC_BASE_X2;

	if (x2 && (!on || !apic->has_x2))
		return false;
	if (!guest)
		return true;
	if (um_lapic_is_x2(apic))
		return x2 || !on;
	return !x2 || um_lapic_on(apic);
}

void um_lapic_set_base(struct um_lapic *apic, u64 base)
{
	u64 mode = UM_APIC_BASE_ON | UM_APIC_BASE_X2;
	u64 old = apic->base;

	WRITE_ONCE(apic->base, base);
	if ((old ^ base) & mode && base & UM_APIC_BASE_ON)
		set_ids(apic);
	um_port_look(apic);
}

static void put(struct kvm_lapic_state *state, u32 offset, u32 val)
{
	memcpy(state->regs + offset, &val, sizeof(val));
}

static u32 get(const struct kvm_lapic_state *state, u32 offset)
{
	u32 val;

	memcpy(&val, state->regs + offset, sizeof(val));
	return val;
}

/* An expired timer must be in irr already: um_lapic_timer_sync(). */
void um_lapic_save(const struct um_lapic *apic, struct kvm_lapic_state *state)
{
	u32 offset, i;

	memset(state, 0, sizeof(*state));
	for (offset = 0; offset < UM_LAPIC_REGS << 4; offset += 0x10)
		put(state, offset, um_lapic_reg(apic, offset));
	for (i = 0; i < 8; i++) {
		int shift = i % 2 * 32;

		put(state, UM_LAPIC_ISR + i * 0x10, apic->isr[i / 2] >> shift);
		put(state, UM_LAPIC_TMR + i * 0x10,
		    READ_ONCE(apic->tmr[i / 2]) >> shift);
		put(state, UM_LAPIC_IRR + i * 0x10,
		    READ_ONCE(apic->irr[i / 2]) >> shift);
	}
	/* KVM's format without KVM_CAP_X2APIC_API: as xAPIC has it. */
	if (um_lapic_is_x2(apic) && !READ_ONCE(apic->irqs->wide_ids))
		put(state, UM_LAPIC_ID, apic->id << 24);
	put(state, UM_LAPIC_PPR, um_lapic_ppr(apic));
	put(state, UM_LAPIC_TMCCT, um_lapic_timer_count(apic));
}

static void load_bits(unsigned long *bits, const struct kvm_lapic_state *state,
		      u32 offset)
{
	int i;

	for (i = 0; i < UM_VECTOR_LONGS; i++, offset += 0x20)
		WRITE_ONCE(bits[i], get(state, offset) |
			   (u64)get(state, offset + 0x10) << 32);
}

/*
 * Written as the guest would write them, so that no bit comes in which a guest
 * could not set; but without what such writes set off. False: the id of 32 bits
 * is another's.
 */
bool um_lapic_load(struct um_lapic *apic, const struct kvm_lapic_state *state)
{
	static const u16 plain[] = {
		UM_LAPIC_TPR, UM_LAPIC_TDCR, UM_LAPIC_DFR,
		UM_LAPIC_LVTT, UM_LAPIC_LVT_THERMAL, UM_LAPIC_LVT_PERF,
		UM_LAPIC_LVT0, UM_LAPIC_LVT1, UM_LAPIC_LVT_ERROR,
	};
	unsigned int i;

	if (um_lapic_is_x2(apic) && READ_ONCE(apic->irqs->wide_ids) &&
	    get(state, UM_LAPIC_ID) != apic->id)
		return false;
	um_lapic_timer_stop(apic);
	/* On for the time of it: else LVT entries would be masked. */
	um_lapic_set_reg(apic, UM_LAPIC_SPIV, UM_SPIV_ENABLED);
	clear_bits(apic->irr);
	for (i = 0; i < ARRAY_SIZE(plain); i++)
		um_lapic_write(apic, plain[i], get(state, plain[i]));
	um_lapic_set_reg(apic, UM_LAPIC_SPIV,
			 get(state, UM_LAPIC_SPIV) & UM_SPIV_BITS);
	um_lapic_set_reg(apic, UM_LAPIC_ICR, get(state, UM_LAPIC_ICR));
	um_lapic_set_reg(apic, UM_LAPIC_ICR2, get(state, UM_LAPIC_ICR2));
	um_lapic_set_reg(apic, UM_LAPIC_ESR, get(state, UM_LAPIC_ESR));
	um_lapic_set_reg(apic, UM_LAPIC_TMICT, get(state, UM_LAPIC_TMICT));
	um_lapic_set_reg(apic, UM_LAPIC_LDR, get(state, UM_LAPIC_LDR));
	um_lapic_set_reg(apic, UM_LAPIC_ID, get(state, UM_LAPIC_ID));
	/* x2APIC's IDs are nobody's to choose. */
	if (um_lapic_is_x2(apic))
		set_ids(apic);
	load_bits(apic->isr, state, UM_LAPIC_ISR);
	load_bits(apic->tmr, state, UM_LAPIC_TMR);
	load_bits(apic->irr, state, UM_LAPIC_IRR);
	apic->eoi_vector = -1;
	um_lapic_timer_restore(apic, get(state, UM_LAPIC_TMCCT));
	um_port_look(apic);
	return true;
}
