// SPDX-License-Identifier: GPL-2.0
/*
 * A local APIC's vectors: how they come in, which goes to the CPU, how they
 * are done with. SDM, "Advanced Programmable Interrupt Controller (APIC)",
 * "Handling Interrupts".
 *
 * Senders set bits of irr and tmr in any context; all else is done by the
 * vCPU's own thread.
 */
#include "chips.h"
#include "port.h"

static int highest(const unsigned long *bits)
{
	int i;

	for (i = UM_VECTOR_LONGS - 1; i >= 0; i--) {
		unsigned long word = READ_ONCE(bits[i]);

		if (word)
			return i * BITS_PER_LONG + __fls(word);
	}
	return -1;
}

/* Interrupts compare by the upper half of their vectors. */
static u8 class_of(u8 vector)
{
	return vector & 0xf0;
}

static bool accept_vector(struct um_lapic *apic, const struct um_irq_msg *msg)
{
	if (!um_lapic_enabled(apic) || (msg->level && !msg->assert))
		return false;
	if (msg->vector < UM_VECTOR_MIN) {
		um_lapic_error(apic, UM_ESR_RECV_VECTOR);
		return true;
	}
	if (msg->level)
		set_bit(msg->vector, apic->tmr);
	else
		clear_bit(msg->vector, apic->tmr);
	/*
	 * D3: the trigger mode before the request. Pairs with the vCPU, which
	 * takes the request and looks at the mode when the guest ends it.
	 */
	smp_mb__before_atomic();
	set_bit(msg->vector, apic->irr);
	um_port_kick(apic);
	return true;
}

/* An INIT makes a start-up that came before it void. */
static bool accept_init(struct um_lapic *apic, const struct um_irq_msg *msg)
{
	if (msg->level && !msg->assert)
		return false;
	clear_bit(UM_EVENT_SIPI, &apic->events);
	set_bit(UM_EVENT_INIT, &apic->events);
	um_port_work(apic);
	return true;
}

static bool accept_sipi(struct um_lapic *apic, const struct um_irq_msg *msg)
{
	WRITE_ONCE(apic->sipi_vector, msg->vector);
	/* D4: where to start before the start. Pairs with D5. */
	smp_mb__before_atomic();
	set_bit(UM_EVENT_SIPI, &apic->events);
	um_port_work(apic);
	return true;
}

/* Any context. False: this APIC does not want it. */
bool um_lapic_accept(struct um_lapic *apic, const struct um_irq_msg *msg)
{
	switch (msg->mode) {
	case UM_IRQ_FIXED:
	case UM_IRQ_LOWEST:
		return accept_vector(apic, msg);
	case UM_IRQ_NMI:
		um_port_nmi(apic);
		return true;
	case UM_IRQ_INIT:
		return accept_init(apic, msg);
	case UM_IRQ_SIPI:
		return accept_sipi(apic, msg);
	default:
		/* No SMM; ExtINT is asked for by the CPU, not sent. */
		return false;
	}
}

/* An interrupt from within, as its LVT entry has it. Any context. */
void um_lapic_local(struct um_lapic *apic, u32 lvt_offset)
{
	u32 lvt = um_lapic_reg(apic, lvt_offset);
	struct um_irq_msg msg = {
		.vector = lvt,
		.mode = UM_LVT_MODE(lvt),
		.level = lvt & UM_LVT_LEVEL,
		.assert = true,
	};

	if (!um_lapic_on(apic) || (lvt & UM_LVT_MASKED))
		return;
	if (msg.mode == UM_IRQ_FIXED || msg.mode == UM_IRQ_NMI)
		um_lapic_accept(apic, &msg);
}

/*
 * Any context. The guest sees the bit when it writes the ESR next. One error
 * is one interrupt until then, so an error vector that is in error itself
 * comes to an end.
 */
void um_lapic_error(struct um_lapic *apic, int bit)
{
	if (!test_and_set_bit(bit, &apic->errors))
		um_lapic_local(apic, UM_LAPIC_LVT_ERROR);
}

u8 um_lapic_ppr(const struct um_lapic *apic)
{
	int vector = highest(apic->isr);
	u8 tpr = um_lapic_reg(apic, UM_LAPIC_TPR);
	u8 serving = vector < 0 ? 0 : class_of(vector);

	return class_of(tpr) >= serving ? tpr : serving;
}

/* The vector that the CPU may take now, or -1. */
int um_lapic_next(struct um_lapic *apic)
{
	int vector = highest(apic->irr);

	if (vector < 0 || !um_lapic_on(apic) ||
	    class_of(vector) <= class_of(um_lapic_ppr(apic)))
		return -1;
	return vector;
}

/* The CPU takes it. */
void um_lapic_take(struct um_lapic *apic, int vector)
{
	clear_bit(vector, apic->irr);
	__set_bit(vector, apic->isr);
}

/*
 * The guest has done with what it served. The IO-APIC hears of edges, too: the
 * PIT wants to know when its tick was taken.
 */
void um_lapic_eoi(struct um_lapic *apic)
{
	int vector = highest(apic->isr);

	if (vector < 0)
		return;
	__clear_bit(vector, apic->isr);
	if (!apic->irqs->split) {
		um_ioapic_eoi(apic->irqs, vector);
	} else if (test_bit(vector, apic->tmr) &&
		   um_routes_eoi_exits(apic->irqs, apic, vector)) {
		apic->eoi_vector = vector;
		um_port_work(apic);
	}
	if (um_lapic_next(apic) >= 0)
		um_port_look(apic);
}

/*
 * The class of the vector that only the task priority holds back, or 0: it can
 * be let in when the guest's CR8 is less.
 */
u8 um_lapic_awaits_tpr(const struct um_lapic *apic)
{
	int vector = highest(apic->irr);
	u32 tpr = um_lapic_reg(apic, UM_LAPIC_TPR);

	if (vector < 0 || !um_lapic_on(apic) || class_of(vector) > class_of(tpr))
		return 0;
	return vector >> 4;
}

/* Does this CPU listen to the PIC? As with KVM, any that has LINT0 so. */
bool um_lapic_takes_extint(const struct um_lapic *apic)
{
	u32 lvt = um_lapic_reg(apic, UM_LAPIC_LVT0);

	return !um_lapic_on(apic) ||
	       (!(lvt & UM_LVT_MASKED) && UM_LVT_MODE(lvt) == UM_IRQ_EXTINT);
}

/* Task priority, class in service and vector pending, as tpr.c has them. */
u32 um_lapic_word(const struct um_lapic *apic)
{
	int isr = highest(apic->isr), irr = highest(apic->irr);
	u32 word = um_lapic_reg(apic, UM_LAPIC_TPR);

	if (isr >= 0)
		word |= class_of(isr) << 8;
	if (irr >= 0)
		word |= (u32)irr << 24;
	return word;
}
