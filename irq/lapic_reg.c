// SPDX-License-Identifier: GPL-2.0
/*
 * The registers of a local APIC, as a page of memory (xAPIC) and as MSRs
 * (x2APIC). SDM, "Local APIC Register Address Map" and "x2APIC MSR Address
 * Space". The vCPU's own thread.
 */
#include "chips.h"
#include "port.h"

#include <linux/kernel.h>
#include <linux/nospec.h>
#include <linux/string.h>

#define X2_MSR 0x800

#define LVT_VECTOR 0xff
#define LVT_MODE 0x700
#define LVT_PIN (BIT(13) | UM_LVT_LEVEL) /* polarity and trigger */

#define ICR_BUSY BIT(12)
/* Of x2APIC; so is ICR_BUSY, but Intel's CPUs ignore it. */
#define ICR_RESERVED (GENMASK_ULL(31, 20) | GENMASK_ULL(17, 16) | BIT(13))

/* Writable bits of an LVT entry; 0: @offset is none. */
static u32 lvt_mask(const struct um_lapic *apic, u32 offset)
{
	switch (offset) {
	case UM_LAPIC_LVTT:
		return LVT_VECTOR | UM_LVT_MASKED | UM_LVTT_PERIODIC |
		       (apic->has_deadline ? UM_LVTT_DEADLINE : 0);
	case UM_LAPIC_LVT_THERMAL:
	case UM_LAPIC_LVT_PERF:
		return LVT_VECTOR | UM_LVT_MASKED | LVT_MODE;
	case UM_LAPIC_LVT0:
	case UM_LAPIC_LVT1:
		return LVT_VECTOR | UM_LVT_MASKED | LVT_MODE | LVT_PIN;
	case UM_LAPIC_LVT_ERROR:
		return LVT_VECTOR | UM_LVT_MASKED;
	default:
		return 0;
	}
}

static u32 bank(const unsigned long *bits, u32 offset)
{
	u32 i = offset >> 4 & 7;

	return READ_ONCE(bits[i / 2]) >> (i % 2 * 32);
}

bool um_lapic_read(struct um_lapic *apic, u32 offset, u32 *val)
{
	switch (offset) {
	case UM_LAPIC_APR:
	case UM_LAPIC_DFR:
	case UM_LAPIC_ICR2:
		if (um_lapic_is_x2(apic))
			return false;
		fallthrough;
	case UM_LAPIC_ID:
	case UM_LAPIC_VERSION:
	case UM_LAPIC_TPR:
	case UM_LAPIC_LDR:
	case UM_LAPIC_SPIV:
	case UM_LAPIC_ESR:
	case UM_LAPIC_ICR:
	case UM_LAPIC_LVTT:
	case UM_LAPIC_LVT_THERMAL:
	case UM_LAPIC_LVT_PERF:
	case UM_LAPIC_LVT0:
	case UM_LAPIC_LVT1:
	case UM_LAPIC_LVT_ERROR:
	case UM_LAPIC_TMICT:
	case UM_LAPIC_TDCR:
		*val = um_lapic_reg(apic, offset);
		return true;
	case UM_LAPIC_PPR:
		*val = um_lapic_ppr(apic);
		return true;
	case UM_LAPIC_TMCCT:
		*val = um_lapic_timer_count(apic);
		return true;
	case UM_LAPIC_ISR ... UM_LAPIC_ISR + 0x70:
		*val = bank(apic->isr, offset);
		return true;
	case UM_LAPIC_TMR ... UM_LAPIC_TMR + 0x70:
		*val = bank(apic->tmr, offset);
		return true;
	case UM_LAPIC_IRR ... UM_LAPIC_IRR + 0x70:
		*val = bank(apic->irr, offset);
		return true;
	}
	return false;
}

/* Software off: nothing local may come before the guest says so again. */
static void write_spiv(struct um_lapic *apic, u32 val)
{
	static const u16 lvts[] = {
		UM_LAPIC_LVTT, UM_LAPIC_LVT_THERMAL, UM_LAPIC_LVT_PERF,
		UM_LAPIC_LVT0, UM_LAPIC_LVT1, UM_LAPIC_LVT_ERROR,
	};
	unsigned int i;

	um_lapic_set_reg(apic, UM_LAPIC_SPIV, val & UM_SPIV_BITS);
	if (val & UM_SPIV_ENABLED)
		return;
	for (i = 0; i < ARRAY_SIZE(lvts); i++)
		um_lapic_set_reg(apic, lvts[i],
				 um_lapic_reg(apic, lvts[i]) | UM_LVT_MASKED);
}

static void write_lvt(struct um_lapic *apic, u32 offset, u32 val)
{
	val &= lvt_mask(apic, offset);
	if (!(um_lapic_reg(apic, UM_LAPIC_SPIV) & UM_SPIV_ENABLED))
		val |= UM_LVT_MASKED;
	if (offset == UM_LAPIC_LVTT)
		um_lapic_timer_mode(apic, val);
	um_lapic_set_reg(apic, offset, val);
	/* The PIC may have waited for LINT0. */
	if (offset == UM_LAPIC_LVT0)
		um_port_look(apic);
}

static void write_tpr(struct um_lapic *apic, u32 val)
{
	um_lapic_set_reg(apic, UM_LAPIC_TPR, val & 0xff);
	/* Who waited may come now, or waits for something else. */
	um_port_look(apic);
}

static void write_icr(struct um_lapic *apic, u32 val)
{
	val &= ~(u32)ICR_BUSY;
	um_lapic_set_reg(apic, UM_LAPIC_ICR, val);
	um_lapic_send_ipi(apic, val, um_lapic_reg(apic, UM_LAPIC_ICR2));
}

static void write_self_ipi(struct um_lapic *apic, u8 vector)
{
	um_lapic_send_ipi(apic, vector | UM_IRQ_TO_SELF << 18, 0);
}

/* Those that only one of the two modes can write. */
static bool write_of_mode(struct um_lapic *apic, u32 offset, u32 val)
{
	if (um_lapic_is_x2(apic)) {
		if (offset != UM_LAPIC_SELF_IPI)
			return false;
		write_self_ipi(apic, val);
		return true;
	}
	switch (offset) {
	case UM_LAPIC_ID:
	case UM_LAPIC_LDR:
	case UM_LAPIC_ICR2:
		um_lapic_set_reg(apic, offset, val & 0xff000000);
		return true;
	case UM_LAPIC_DFR:
		um_lapic_set_reg(apic, offset, val | 0x0fffffff);
		return true;
	}
	return false;
}

bool um_lapic_write(struct um_lapic *apic, u32 offset, u32 val)
{
	switch (offset) {
	case UM_LAPIC_TPR:
		write_tpr(apic, val);
		return true;
	case UM_LAPIC_EOI:
		um_lapic_eoi(apic);
		return true;
	case UM_LAPIC_SPIV:
		write_spiv(apic, val);
		return true;
	case UM_LAPIC_ESR:
		um_lapic_set_reg(apic, offset, xchg(&apic->errors, 0));
		return true;
	case UM_LAPIC_ICR:
		write_icr(apic, val);
		return true;
	case UM_LAPIC_TMICT:
		um_lapic_timer_write(apic, val);
		return true;
	case UM_LAPIC_TDCR:
		um_lapic_timer_divide(apic, val & 0xb);
		return true;
	}
	if (lvt_mask(apic, offset)) {
		write_lvt(apic, offset, val);
		return true;
	}
	return write_of_mode(apic, offset, val);
}

/*
 * The page. An APIC that is off, or has left it for MSRs, is an address where
 * nothing is: ones. Registers have 4 bytes each 16, of which parts may be read,
 * but only the whole is written.
 */
void um_lapic_page_read(struct um_lapic *apic, u32 offset, u32 len, void *data)
{
	u32 val = 0, at = offset & 0xf;

	memset(data, 0, len);
	if (!um_lapic_on(apic) || um_lapic_is_x2(apic)) {
		memset(data, 0xff, len);
		return;
	}
	if (at + len > sizeof(val))
		return;
	if (!um_lapic_read(apic, offset & ~0xfu, &val))
		um_lapic_error(apic, UM_ESR_REGISTER);
	memcpy(data, (u8 *)&val + at, len);
}

void um_lapic_page_write(struct um_lapic *apic, u32 offset, u32 len,
			 const void *data)
{
	u32 val;

	if (!um_lapic_on(apic) || um_lapic_is_x2(apic))
		return;
	if (len != sizeof(val) || offset & 0xf)
		return;
	memcpy(&val, data, sizeof(val));
	if (!um_lapic_write(apic, offset, val) &&
	    !um_lapic_read(apic, offset, &val))
		um_lapic_error(apic, UM_ESR_REGISTER);
}

/* The guest chose @msr, if only among those that are an APIC's. */
static u32 x2_offset(u32 msr)
{
	return array_index_nospec(msr - X2_MSR, UM_LAPIC_REGS) << 4;
}

/* False: #GP. */
bool um_lapic_x2_read(struct um_lapic *apic, u32 msr, u64 *val)
{
	u32 offset = x2_offset(msr), low;

	if (!um_lapic_is_x2(apic) || !um_lapic_read(apic, offset, &low))
		return false;
	*val = low;
	if (offset == UM_LAPIC_ICR)
		*val |= (u64)um_lapic_reg(apic, UM_LAPIC_ICR2) << 32;
	return true;
}

/* Bits that a write must leave zero: SDM, "Reserved Bit Checking". */
static bool x2_reserved(u32 offset, u64 val)
{
	switch (offset) {
	case UM_LAPIC_ICR:
		return val & ICR_RESERVED;
	case UM_LAPIC_EOI:
	case UM_LAPIC_ESR:
		return val;
	case UM_LAPIC_TPR:
	case UM_LAPIC_SELF_IPI:
		return val > 0xff;
	default:
		return val >> 32;
	}
}

bool um_lapic_x2_write(struct um_lapic *apic, u32 msr, u64 val)
{
	u32 offset = x2_offset(msr);

	if (!um_lapic_is_x2(apic) || x2_reserved(offset, val))
		return false;
	if (offset == UM_LAPIC_ICR)
		um_lapic_set_reg(apic, UM_LAPIC_ICR2, val >> 32);
	return um_lapic_write(apic, offset, val);
}
