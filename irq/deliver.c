// SPDX-License-Identifier: GPL-2.0
/*
 * From a message to the local APICs that it means: physical and logical
 * destinations, shorthands, lowest priority. SDM, "Determining IPI
 * Destination". Any context; no lock: a VM's APICs only become more.
 */
#include <linux/build_bug.h>
#include <linux/nospec.h>
#include "chips.h"
#include "port.h"

#define ICR_LOGICAL BIT(11)
#define ICR_ASSERT BIT(14)
#define ICR_LEVEL BIT(15)

static bool matches_logical(const struct um_lapic *apic, u32 dest)
{
	u32 ldr = um_lapic_reg(apic, UM_LAPIC_LDR);

	if (um_lapic_is_x2(apic))
		return ldr >> 16 == dest >> 16 && (ldr & dest & 0xffff);
	ldr >>= 24;
	switch (um_lapic_reg(apic, UM_LAPIC_DFR) >> 28) {
	case 0xf: /* flat */
		return ldr & dest;
	case 0: /* cluster */
		return ldr >> 4 == dest >> 4 && (ldr & dest & 0xf);
	}
	return false;
}

/* Everybody, for an APIC in x2APIC mode (@x2) or not? */
static bool is_broadcast(const struct um_irq_msg *msg, bool x2)
{
	if (msg->dest == 0xff)
		return !msg->wide && !(msg->exact && x2);
	return msg->dest == ~0u && (msg->wide || x2);
}

static bool matches_dest(const struct um_lapic *apic,
			 const struct um_irq_msg *msg)
{
	bool x2 = um_lapic_is_x2(apic);
	u32 id;

	if (is_broadcast(msg, x2))
		return true;
	if (msg->logical)
		return matches_logical(apic, msg->dest);
	id = um_lapic_reg(apic, UM_LAPIC_ID);
	return msg->dest == (x2 ? id : id >> 24);
}

bool um_irq_matches(const struct um_lapic *apic, const struct um_lapic *from,
		    const struct um_irq_msg *msg)
{
	if (!um_lapic_on(apic))
		return false;
	switch (msg->shorthand) {
	case UM_IRQ_TO_SELF:
		return apic == from;
	case UM_IRQ_TO_ALL:
		return true;
	case UM_IRQ_TO_OTHERS:
		return apic != from;
	}
	return matches_dest(apic, msg);
}

/* In turns: no CPU of today looks at priorities here. */
static int deliver_lowest(struct um_irqs *irqs, struct um_lapic *from,
			  const struct um_irq_msg *msg)
{
	struct um_lapic *apic, *best = NULL;
	int i;

	um_for_each_apic(i, apic, irqs) {
		if (!um_lapic_enabled(apic) ||
		    !um_irq_matches(apic, from, msg))
			continue;
		if (!best || (s32)(READ_ONCE(apic->turns) -
				   READ_ONCE(best->turns)) < 0)
			best = apic;
	}
	if (!best)
		return UM_IRQ_IGNORED;
	WRITE_ONCE(best->turns, READ_ONCE(best->turns) + 1);
	return um_lapic_accept(best, msg);
}

/* No place is a broadcast. */
static_assert(UM_APICS_MAX <= 0xff);

/*
 * The one x2APIC that a physical destination means, where the ID is its place,
 * too, as it mostly is: nobody else is asked, however many there are. NULL: not
 * known. As with KVM, an xAPIC which the guest gave the same ID does not answer.
 */
static struct um_lapic *x2_at(const struct um_irqs *irqs,
			      const struct um_irq_msg *msg)
{
	struct um_lapic *apic;

	if (msg->logical || msg->shorthand ||
	    msg->dest >= um_apic_count(irqs))
		return NULL;
	apic = irqs->apic[array_index_nospec(msg->dest, UM_APICS_MAX)];
	return um_lapic_is_x2(apic) &&
			       um_lapic_reg(apic, UM_LAPIC_ID) == msg->dest ?
		       apic : NULL;
}

/* How many took it, or UM_IRQ_IGNORED: it was for nobody. */
int um_irq_deliver(struct um_irqs *irqs, struct um_lapic *from,
		   const struct um_irq_msg *msg)
{
	int i, n = UM_IRQ_IGNORED;
	struct um_lapic *apic;

	if (msg->mode == UM_IRQ_LOWEST)
		return deliver_lowest(irqs, from, msg);
	apic = x2_at(irqs, msg);
	if (apic)
		return um_lapic_accept(apic, msg);
	um_for_each_apic(i, apic, irqs) {
		if (um_irq_matches(apic, from, msg))
			n = (n < 0 ? 0 : n) + um_lapic_accept(apic, msg);
	}
	return n;
}

/* A write of the ICR. Only INIT knows a trigger mode. */
void um_lapic_send_ipi(struct um_lapic *apic, u32 low, u32 high)
{
	bool wide = um_lapic_is_x2(apic);
	struct um_irq_msg msg = {
		.vector = low,
		.mode = low >> 8 & 7,
		.shorthand = low >> 18 & 3,
		.logical = low & ICR_LOGICAL,
		.wide = wide,
		.dest = wide ? high : high >> 24,
		.assert = true,
	};

	if (msg.mode == UM_IRQ_INIT) {
		msg.level = low & ICR_LEVEL;
		msg.assert = low & ICR_ASSERT;
	}
	if ((msg.mode == UM_IRQ_FIXED || msg.mode == UM_IRQ_LOWEST) &&
	    msg.vector < UM_VECTOR_MIN) {
		um_lapic_error(apic, UM_ESR_SEND_VECTOR);
		return;
	}
	um_irq_deliver(apic->irqs, apic, &msg);
}
