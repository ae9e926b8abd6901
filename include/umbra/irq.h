/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The face of irq/: interrupt controllers in the kernel. A VM has them from
 * KVM_CREATE_IRQCHIP or KVM_CAP_SPLIT_IRQCHIP on (vm->irqchip), both before its
 * first vCPU; so a vCPU has its local APIC (vcpu->apic) from birth, or never.
 *
 * Interrupts enter a guest by um_irq_next() and um_irq_take(): event.h.
 */
#ifndef _UMBRA_IRQ_H
#define _UMBRA_IRQ_H

#include <linux/kvm.h>
#include <umbra/types.h>

struct page;
struct um_vm;
struct um_vcpu;
struct um_lapic;

/* main.c: 0 or -ENOMEM. No VM lives at the end. */
int um_irq_init(void);
void um_irq_exit(void);

/*
 * core/vm.c: ioeventfds and coalesced writes, which each VM may have (vm->io).
 * 0 or -ENOMEM; freed when no vCPU runs. The page that the vCPUs map.
 */
int um_io_create(struct um_vm *vm);
void um_io_free(struct um_vm *vm);
struct page *um_io_ring_page(const struct um_vm *vm);

/*
 * core/vm.c. um_irq_vm_ioctl() returns -ENOTTY for what is none of its.
 * um_irq_vm_release(): the VM's file is closed, no eventfd raises a line from
 * here on. um_irq_vm_destroy(): no vCPU runs, and then no timer, either.
 * um_irq_vm_free(): the vCPUs are gone.
 */
long um_irq_vm_ioctl(struct um_vm *vm, unsigned int nr, unsigned long arg);
/* Has it a local APIC for each vCPU, and the rest is user space's? */
bool um_irq_is_split(const struct um_vm *vm);
int um_irq_enable_split(struct um_vm *vm, const struct kvm_enable_cap *cap);
int um_irq_bus_cycle(struct um_vm *vm, u64 ns);
#define UM_X2APIC_API                   \
	(KVM_X2APIC_API_USE_32BIT_IDS | \
	 KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK)
int um_irq_x2apic_api(struct um_vm *vm, u64 flags);
void um_irq_vm_release(struct um_vm *vm);
void um_irq_vm_destroy(struct um_vm *vm);
void um_irq_vm_free(struct um_vm *vm);

/*
 * core/vcpu.c: birth (0 or -ENOMEM), being reached by others, end. All but the
 * second do nothing in a VM without interrupt controllers.
 */
int um_irq_vcpu_create(struct um_vcpu *vcpu);
void um_irq_vcpu_publish(struct um_vcpu *vcpu);
void um_irq_vcpu_free(struct um_vcpu *vcpu);
/* vcpu->mutex held. -EINVAL for what is none of its. */
long um_irq_vcpu_ioctl(struct um_vcpu *vcpu, unsigned int nr,
		       unsigned long arg);
/* KVM_GET/SET_MP_STATE of a vCPU with a local APIC; 0 or -EINVAL. */
u32 um_irq_mp_state(struct um_vcpu *vcpu);
int um_irq_set_mp_state(struct um_vcpu *vcpu, u32 state);

/* event.h's three, of a vCPU with a local APIC. */
int um_apic_next(struct um_vcpu *vcpu);
int um_apic_take(struct um_vcpu *vcpu, int next);
bool um_apic_user_may(const struct um_vcpu *vcpu);

/*
 * The rest is of a vCPU with a local APIC, by its own thread or with its mutex.
 *
 * um_irq_work() - vcpu->irq_work was seen, interrupts on, the vCPU loaded:
 * INIT, SIPI, what user space waits for, and waiting in HLT. Returns 1
 * to look again, or 0 with run->exit_reason set.
 *
 * The MSRs: false is #GP (or refused, of user space). CR8: 0..15.
 */
int um_irq_work(struct um_vcpu *vcpu);
void um_irq_halt(struct um_vcpu *vcpu);
bool um_apic_get_msr(struct um_vcpu *vcpu, u32 msr, u64 *data);
bool um_apic_set_msr(struct um_vcpu *vcpu, u32 msr, u64 data);
bool um_apic_base_may(const struct um_vcpu *vcpu, u64 base, bool host);
u64 um_apic_base(const struct um_vcpu *vcpu);
u8 um_apic_cr8(const struct um_vcpu *vcpu);
void um_apic_set_cr8(struct um_vcpu *vcpu, u8 cr8);
/* CR8 below this lets in an interrupt that waits for nothing else; or 0. */
u8 um_apic_awaits_cr8(struct um_vcpu *vcpu);
void um_apic_cpuid_changed(struct um_vcpu *vcpu);
/*
 * The time has come that vcpu->timer_due says; interrupts may be off. The
 * guest's TSC was set; the vCPU came to a CPU whose TSC may be another: by then
 * timer_due is out of date.
 */
void um_apic_timer_due(struct um_vcpu *vcpu);
void um_apic_tsc_set(struct um_vcpu *vcpu);
void um_apic_moved(struct um_vcpu *vcpu);
/* After an exit, while vcpu->apic_word: what the guest wrote there. */
void um_apic_word_read(struct um_vcpu *vcpu);

/*
 * Devices in the kernel: chips, ioeventfds, coalesced writes. True: one took
 * the access. The vCPU's own thread, may sleep.
 */
enum um_bus {
	UM_BUS_MMIO,
	UM_BUS_PIO,
};

bool um_bus_read(struct um_vcpu *vcpu, enum um_bus bus, u64 addr, u32 len,
		 void *data);
bool um_bus_write(struct um_vcpu *vcpu, enum um_bus bus, u64 addr, u32 len,
		  const void *data);

#endif
