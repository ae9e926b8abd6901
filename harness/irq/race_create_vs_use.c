// SPDX-License-Identifier: GPL-2.0
/*
 * A VM gets its chips, its PIT, and vCPU after vCPU, while another thread uses
 * what there is already (D1, D2, D6 to D9): it finds nothing that is half there.
 */
#include "race.h"

#include <stdlib.h>
#include <string.h>

#define VCPUS 8

static struct um_vm vm;
static struct um_vmx vcpus[VCPUS];
/* Where no APIC is yet, there is this one, which nobody may reach. */
static struct um_vmx ghost;

/* Things to look at: so many were announced, so many were found. */
static unsigned int announced, found;
static void (*look)(void);

static bool was_found(void)
{
	return __atomic_load_n(&found, __ATOMIC_ACQUIRE) == announced;
}

static long vm_ioctl(unsigned int nr, void *arg)
{
	return um_irq_vm_ioctl(&vm, nr, (unsigned long)arg);
}

static void look_at_chips(void)
{
	struct kvm_irqchip chip = { .chip_id = KVM_IRQCHIP_IOAPIC };
	int i;

	while (vm_ioctl(KVM_GET_IRQCHIP, &chip))
		;
	for (i = 0; i < KVM_IOAPIC_NUM_PINS; i++) {
		if (!chip.chip.ioapic.redirtbl[i].fields.mask)
			shim_warn("pin %d is born unmasked\n", i);
	}
}

static void look_at_pit(void)
{
	struct kvm_pit_state2 pit;
	int i;

	while (vm_ioctl(KVM_GET_PIT2, &pit))
		;
	for (i = 0; i < 3; i++) {
		if (pit.channels[i].count != 0x10000)
			shim_warn("channel %d is born with %u\n", i,
				  pit.channels[i].count);
	}
}

static void look_at_apics(void)
{
	const struct um_irq_msg msg = {
		.vector = 0x80,
		.shorthand = UM_IRQ_TO_ALL,
		.assert = true,
	};
	int n, last = 0;

	do {
		n = um_irq_deliver(&vm.irqchip->irqs, NULL, &msg);
		if (n >= 0 && n < last)
			shim_warn("%d APICs after %d\n", n, last);
		last = n;
	} while (n != VCPUS && !shim_warnings());
	if (ghost.vcpu.attention)
		shim_warn("an APIC is found that is not there\n");
}

/* Somebody looks already when it comes. */
static void announce(void (*at)(void))
{
	announced++;
	__atomic_store_n(&look, at, __ATOMIC_RELEASE);
	race_dawdle();
}

static void wait_found(void)
{
	u64 since = 0;

	while (!was_found() && race_wait(&since))
		;
}

static void new_vcpu(struct um_vmx *vmx, int i)
{
	memset(vmx, 0, sizeof(*vmx));
	vmx->vcpu.vm = &vm;
	vmx->vcpu.id = vmx->vcpu.idx = i;
	if (um_irq_vcpu_create(&vmx->vcpu))
		abort();
	um_lapic_write(vmx->vcpu.apic, UM_LAPIC_SPIV, 0x1ff);
	vmx->vcpu.attention = false;
}

static void make_vcpus(void)
{
	int i;

	new_vcpu(&ghost, VCPUS);
	for (i = 0; i < VCPUS; i++)
		vm.irqchip->irqs.apic[i] = ghost.vcpu.apic;
	announce(look_at_apics);
	for (i = 0; i < VCPUS; i++) {
		new_vcpu(&vcpus[i], i);
		um_irq_vcpu_publish(&vcpus[i].vcpu);
	}
	wait_found();
}

static void make_vm(void)
{
	struct kvm_pit_config pit = {};
	int i;

	memset(&vm, 0, sizeof(vm));
	mutex_init(&vm.lock);
	announce(look_at_chips);
	vm_ioctl(KVM_CREATE_IRQCHIP, NULL);
	wait_found();
	announce(look_at_pit);
	vm_ioctl(KVM_CREATE_PIT2, &pit);
	wait_found();
	make_vcpus();
	um_irq_vm_destroy(&vm);
	for (i = 0; i < VCPUS; i++)
		um_irq_vcpu_free(&vcpus[i].vcpu);
	um_irq_vcpu_free(&ghost.vcpu);
	um_irq_vm_free(&vm);
}

static bool stop;

static void make(void)
{
	race_send(50, make_vm, NULL);
	__atomic_store_n(&stop, true, __ATOMIC_RELEASE);
}

static void use(void)
{
	void (*at)(void);

	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
		at = __atomic_exchange_n(&look, NULL, __ATOMIC_ACQ_REL);
		if (!at)
			continue;
		at();
		__atomic_fetch_add(&found, 1, __ATOMIC_RELEASE);
	}
}

static void begin(void)
{
	stop = false;
}

static const struct race races[] = {
	{ .name = "a VM is made vs one that uses it", .before = begin,
	  .side = { make, use } },
};
RACE_MAIN(races)
