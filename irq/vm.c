// SPDX-License-Identifier: GPL-2.0
/*
 * A VM's interrupt controllers: their making, their state for user space, and
 * the lines that it raises. errno as KVM.
 */
#include "glue.h"

#include <linux/slab.h>
#include <linux/uaccess.h>

static void set_ids(struct um_irqchip *chip, u32 flags)
{
	WRITE_ONCE(chip->irqs.wide_ids, flags & KVM_X2APIC_API_USE_32BIT_IDS);
	WRITE_ONCE(chip->irqs.exact_ids,
		   flags & KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK);
}

static struct um_irqchip *alloc(struct um_vm *vm, bool split, u32 pins)
{
	struct um_irqchip *chip = kzalloc(sizeof(*chip), GFP_KERNEL_ACCOUNT);
	int r;

	if (!chip)
		return ERR_PTR(-ENOMEM);
	mutex_init(&chip->lock);
	spin_lock_init(&chip->irqfds_lock);
	INIT_LIST_HEAD(&chip->irqfds);
	INIT_LIST_HEAD(&chip->resamplers);
	chip->vm = vm;
	chip->irqs.split = split;
	set_ids(chip, vm->x2apic_api);
	chip->split_pins = pins;
	um_pic_init(&chip->irqs.pic);
	um_ioapic_init(&chip->irqs.ioapic);
	um_host_pit_init(chip);
	r = um_routes_set_default(chip);
	if (r) {
		kfree(chip);
		return ERR_PTR(r);
	}
	return chip;
}

static int create(struct um_vm *vm, bool split, u32 pins)
{
	struct um_irqchip *chip;
	int r = 0;

	mutex_lock(&vm->lock);
	if (vm->irqchip) {
		r = -EEXIST;
	} else if (vm->nr_vcpus) {
		r = split ? -EEXIST : -EINVAL;
	} else {
		chip = alloc(vm, split, pins);
		if (IS_ERR(chip))
			r = PTR_ERR(chip);
		else /* D7: ready before it is seen. Pairs with D6. */
			smp_store_release(&vm->irqchip, chip);
	}
	mutex_unlock(&vm->lock);
	return r;
}

bool um_irq_is_split(const struct um_vm *vm)
{
	const struct um_irqchip *chip = um_irqchip(vm);

	return chip && chip->irqs.split;
}

/* KVM_CAP_SPLIT_IRQCHIP: user space's IO-APIC has the first GSIs. */
int um_irq_enable_split(struct um_vm *vm, const struct kvm_enable_cap *cap)
{
	if (cap->args[0] > UM_GSIS)
		return -EINVAL;
	return create(vm, true, cap->args[0]);
}

/* Eventfds raise lines until the VM's file is closed. */
void um_irq_vm_release(struct um_vm *vm)
{
	if (vm->irqchip)
		um_irqfd_release(vm->irqchip);
}

void um_irq_vm_destroy(struct um_vm *vm)
{
	if (!vm->irqchip)
		return;
	hrtimer_cancel(&vm->irqchip->pit_timer);
}

void um_irq_vm_free(struct um_vm *vm)
{
	struct um_irqchip *chip = vm->irqchip;

	if (!chip)
		return;
	kvfree(rcu_dereference_protected(chip->irqs.routes, true));
	kfree(chip);
}

static int create_pit(struct um_irqchip *chip, u32 flags)
{
	int r = 0;

	if (!chip || chip->irqs.split)
		return -ENOENT;
	mutex_lock(&chip->lock);
	if (chip->irqs.has_pit) {
		r = -EEXIST;
	} else {
		um_pit_init(&chip->irqs, flags & KVM_PIT_SPEAKER_DUMMY);
		/* D8: ready before it is seen. Pairs with D9. */
		smp_store_release(&chip->irqs.has_pit, true);
	}
	mutex_unlock(&chip->lock);
	return r;
}

static int create_pit2(struct um_irqchip *chip, const void __user *user)
{
	struct kvm_pit_config config;

	if (copy_from_user(&config, user, sizeof(config)))
		return -EFAULT;
	return create_pit(chip, config.flags);
}

static struct um_irqs *pit_of(struct um_irqchip *chip)
{
	return chip && um_has_pit(&chip->irqs) ? &chip->irqs : NULL;
}

static int pit_get(struct um_irqs *irqs, void __user *user, size_t size)
{
	struct kvm_pit_state2 state;

	if (!irqs)
		return -ENXIO;
	um_pit_save(irqs, &state);
	return copy_to_user(user, &state, size) ? -EFAULT : 0;
}

/* The older form is the newer one's beginning, without flags. */
static int pit_set(struct um_irqs *irqs, const void __user *user, size_t size)
{
	struct kvm_pit_state2 state = {};

	if (copy_from_user(&state, user, size))
		return -EFAULT;
	if (!irqs)
		return -ENXIO;
	um_pit_load(irqs, &state);
	return 0;
}

static int pit_reinject(struct um_irqs *irqs, const void __user *user)
{
	struct kvm_reinject_control control;

	if (copy_from_user(&control, user, sizeof(control)))
		return -EFAULT;
	if (!irqs)
		return -ENXIO;
	um_pit_set_reinject(irqs, control.pit_reinject);
	return 0;
}

static struct um_irqs *pins_of(struct um_irqchip *chip)
{
	return chip && !chip->irqs.split ? &chip->irqs : NULL;
}

static int chip_move(struct um_irqs *irqs, struct kvm_irqchip *state, bool load)
{
	switch (state->chip_id) {
	case KVM_IRQCHIP_PIC_MASTER:
	case KVM_IRQCHIP_PIC_SLAVE:
		if (load)
			um_pic_load(irqs, state->chip_id, &state->chip.pic);
		else
			um_pic_save(irqs, state->chip_id, &state->chip.pic);
		return 0;
	case KVM_IRQCHIP_IOAPIC:
		if (load)
			um_ioapic_load(irqs, &state->chip.ioapic);
		else
			um_ioapic_save(irqs, &state->chip.ioapic);
		return 0;
	default:
		return -EINVAL;
	}
}

/* User space names the chip, also when it only asks. */
static int chip_state(struct um_irqs *irqs, void __user *user, bool load)
{
	struct kvm_irqchip *state = memdup_user(user, sizeof(*state));
	int r;

	if (IS_ERR(state))
		return PTR_ERR(state);
	r = irqs ? chip_move(irqs, state, load) : -ENXIO;
	if (!r && !load && copy_to_user(user, state, sizeof(*state)))
		r = -EFAULT;
	kfree(state);
	return r;
}

static int irq_line(struct um_irqchip *chip, void __user *user, bool status)
{
	struct kvm_irq_level level;

	if (copy_from_user(&level, user, sizeof(level)))
		return -EFAULT;
	if (!chip)
		return -ENXIO;
	level.status = um_irq_set(&chip->irqs, level.irq, UM_IRQ_USER,
				  level.level);
	if (status && copy_to_user(user, &level, sizeof(level)))
		return -EFAULT;
	return 0;
}

/* What is returned is a count. */
static int signal_msi(struct um_irqchip *chip, const void __user *user)
{
	struct kvm_msi msi;
	u64 address;
	int n;

	if (copy_from_user(&msi, user, sizeof(msi)))
		return -EFAULT;
	address = msi.address_lo | (u64)msi.address_hi << 32;
	if (!chip || (msi.flags & ~KVM_MSI_VALID_DEVID) ||
	    !um_msi_valid(&chip->irqs, address))
		return -EINVAL;
	n = um_irq_msi(&chip->irqs, address, msi.data);
	return n == UM_IRQ_IGNORED ? 0 : n;
}

/* KVM_CAP_X86_APIC_BUS_CYCLES_NS. A count of 32 bits by 128 still has a time. */
int um_irq_bus_cycle(struct um_vm *vm, u64 ns)
{
	int r = 0;

	if (!ns || ns > ~0ull / 128 / ~0u)
		return -EINVAL;
	mutex_lock(&vm->lock);
	if (!um_irqchip(vm))
		r = -ENXIO;
	else if (vm->nr_vcpus)
		r = -EINVAL;
	else
		um_irqchip(vm)->irqs.bus_ns = ns;
	mutex_unlock(&vm->lock);
	return r;
}

/* KVM_CAP_X2APIC_API: what was enabled once stays so. */
int um_irq_x2apic_api(struct um_vm *vm, u64 flags)
{
	if (flags & ~UM_X2APIC_API)
		return -EINVAL;
	mutex_lock(&vm->lock);
	vm->x2apic_api |= flags;
	if (um_irqchip(vm))
		set_ids(um_irqchip(vm), vm->x2apic_api);
	mutex_unlock(&vm->lock);
	return 0;
}

static int set_boot_cpu(struct um_vm *vm, unsigned long id)
{
	int r = 0;

	if (id >= UM_VCPU_IDS_MAX)
		return -EINVAL;
	mutex_lock(&vm->lock);
	if (vm->nr_vcpus)
		r = -EBUSY;
	else if (vm->max_vcpu_id && id > vm->max_vcpu_id)
		r = -EINVAL;
	else
		vm->boot_id = id;
	mutex_unlock(&vm->lock);
	return r;
}

long um_irq_vm_ioctl(struct um_vm *vm, unsigned int nr, unsigned long arg)
{
	struct um_irqchip *chip = um_irqchip(vm);
	void __user *user = (void __user *)arg;

	switch (nr) {
	case KVM_CREATE_IRQCHIP:
		return create(vm, false, 0);
	case KVM_CREATE_PIT:
		return create_pit(chip, KVM_PIT_SPEAKER_DUMMY);
	case KVM_CREATE_PIT2:
		return create_pit2(chip, user);
	case KVM_GET_PIT:
		return pit_get(pit_of(chip), user, sizeof(struct kvm_pit_state));
	case KVM_GET_PIT2:
		return pit_get(pit_of(chip), user, sizeof(struct kvm_pit_state2));
	case KVM_SET_PIT:
		return pit_set(pit_of(chip), user, sizeof(struct kvm_pit_state));
	case KVM_SET_PIT2:
		return pit_set(pit_of(chip), user, sizeof(struct kvm_pit_state2));
	case KVM_REINJECT_CONTROL:
		return pit_reinject(pit_of(chip), user);
	case KVM_GET_IRQCHIP:
		return chip_state(pins_of(chip), user, false);
	case KVM_SET_IRQCHIP:
		return chip_state(pins_of(chip), user, true);
	case KVM_SET_GSI_ROUTING:
		return um_routes_ioctl(chip, user);
	case KVM_IRQ_LINE:
		return irq_line(chip, user, false);
	case KVM_IRQ_LINE_STATUS:
		return irq_line(chip, user, true);
	case KVM_IRQFD:
		return um_irqfd_ioctl(chip, user);
	case KVM_IOEVENTFD:
		return um_ioevent_ioctl(vm->io, user);
	case KVM_REGISTER_COALESCED_MMIO:
		return um_coalesced_ioctl(vm->io, user, true);
	case KVM_UNREGISTER_COALESCED_MMIO:
		return um_coalesced_ioctl(vm->io, user, false);
	case KVM_SIGNAL_MSI:
		return signal_msi(chip, user);
	case KVM_SET_BOOT_CPU_ID:
		return set_boot_cpu(vm, arg);
	default:
		return -ENOTTY;
	}
}
