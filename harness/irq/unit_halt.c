// SPDX-License-Identifier: GPL-2.0
/*
 * What a vCPU does before it may enter (halt.c): what user space is told first
 * does not make it forget that it waits.
 */
#include "../tap.h"

#include "machine.h"

#include <string.h>

#define VECTOR 0x61

static struct um_vcpu *const vcpu = &machine.cpu[0].vmx.vcpu;

static void new_vm(void)
{
	struct kvm_irq_routing_entry route = {
		.gsi = 1,
		.type = KVM_IRQ_ROUTING_MSI,
		.u.msi = { .address_lo = 0xfee00000, .data = VECTOR | BIT(15) },
	};

	machine_new(1, true);
	EXPECT(!um_routes_set(machine_chip(), &route, 1), "no routes");
}

/* A level was served: its end is user space's. */
static void end_level(void)
{
	EXPECT_EQ(um_irq_msi(&machine_chip()->irqs, 0xfee00000,
			     VECTOR | BIT(15)), 1);
	EXPECT_EQ(um_apic_take(vcpu, um_apic_next(vcpu)), VECTOR);
	um_lapic_write(vcpu->apic, UM_LAPIC_EOI, 0);
}

static void told_of_an_end(void)
{
	new_vm();
	end_level();
	EXPECT(vcpu->irq_work, "nothing to do");
	EXPECT_EQ(um_irq_work(vcpu), 0);
	EXPECT_EQ(vcpu->run->exit_reason, KVM_EXIT_IOAPIC_EOI);
	EXPECT_EQ(vcpu->run->eoi.vector, VECTOR);
	EXPECT_EQ(um_irq_work(vcpu), 1);
	EXPECT(!vcpu->irq_work, "still something to do");
	machine_free();
}

/* User space halts it while that is on its way. */
static void halted_meanwhile(void)
{
	new_vm();
	end_level();
	EXPECT_EQ(um_irq_set_mp_state(vcpu, KVM_MP_STATE_HALTED), 0);
	EXPECT_EQ(um_irq_work(vcpu), 0);
	EXPECT(vcpu->irq_work, "it forgets that it is halted");
	machine_free();
}

/* An INIT, after an instruction of which user space hears first. */
static void init_meanwhile(void)
{
	struct kvm_tpr_access_ctl ctl = { .enabled = 1 };
	const struct um_irq_msg init = { .mode = UM_IRQ_INIT, .assert = true };

	new_vm();
	machine.vm.boot_id = 7;
	um_irq_vcpu_ioctl(vcpu, KVM_TPR_ACCESS_REPORTING, (unsigned long)&ctl);
	um_apic_tpr_accessed(vcpu, true);
	EXPECT_EQ(um_irq_deliver(&machine_chip()->irqs, NULL, &init), 1);
	EXPECT_EQ(um_irq_work(vcpu), 0);
	EXPECT_EQ(vcpu->run->exit_reason, KVM_EXIT_TPR_ACCESS);
	EXPECT_EQ(vcpu->mp_state, KVM_MP_STATE_INIT_RECEIVED);
	EXPECT(vcpu->irq_work, "it forgets that it waits for a SIPI");
	machine_free();
}

int main(void)
{
	shim_thread(1);
	TEST(told_of_an_end);
	TEST(halted_meanwhile);
	TEST(init_meanwhile);
	return tap_done();
}
