// SPDX-License-Identifier: GPL-2.0
/*
 * The ioctls of a vCPU: copies and checks of arguments. What the registers
 * mean is known to vmx/.
 *
 * All run with vcpu->mutex held, taken killably: a second thread may be in
 * KVM_RUN for ever.
 */
#include "internal.h"

#include <linux/compat.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <asm/tsc.h>
#include <umbra/compat.h>
#include <umbra/event.h>
#include <umbra/irq.h>
#include <umbra/vmx.h>

#define MSRS_MAX 256 /* per KVM_GET_MSRS or KVM_SET_MSRS */

/*
 * As in ppoll(): the mask is swapped for the time of the run, and a signal
 * that was blocked before is left for after it.
 */
static void sigmask_enter(const struct um_vcpu *vcpu)
{
	sigset_t mask = vcpu->sigset;

	if (vcpu->sigset_active)
		sigprocmask(SIG_SETMASK, &mask, &current->real_blocked);
}

static void sigmask_leave(const struct um_vcpu *vcpu)
{
	if (!vcpu->sigset_active)
		return;
	sigprocmask(SIG_SETMASK, &current->real_blocked, NULL);
	sigemptyset(&current->real_blocked);
}

static int vcpu_run(struct um_vcpu *vcpu, unsigned long arg)
{
	struct kvm_run *run = vcpu->run;
	u64 valid, dirty;
	int r;

	if (arg)
		return -EINVAL;
	run->flags = 0;
	valid = READ_ONCE(run->kvm_valid_regs);
	dirty = READ_ONCE(run->kvm_dirty_regs);
	if ((valid | dirty) & ~(u64)KVM_SYNC_X86_VALID_FIELDS)
		return -EINVAL;
	vcpu->wants_to_run = !um_immediate_exit(run);
	vcpu->has_run |= vcpu->wants_to_run;
	sigmask_enter(vcpu);
	r = dirty ? um_sync_regs_take(vcpu, dirty) : 0;
	if (!r)
		r = um_vmx_run(vcpu);
	if (valid)
		um_sync_regs_give(vcpu, valid);
	sigmask_leave(vcpu);
	return r;
}

static int set_sigmask(struct um_vcpu *vcpu, const sigset_t *set)
{
	vcpu->sigset_active = set;
	if (set) {
		vcpu->sigset = *set;
		sigdelsetmask(&vcpu->sigset, sigmask(SIGKILL) |
			      sigmask(SIGSTOP));
	}
	return 0;
}

static int vcpu_set_sigmask(struct um_vcpu *vcpu,
			    struct kvm_signal_mask __user *user)
{
	struct kvm_signal_mask mask;
	sigset_t set;

	if (!user)
		return set_sigmask(vcpu, NULL);
	if (copy_from_user(&mask, user, sizeof(mask)))
		return -EFAULT;
	if (mask.len != sizeof(set))
		return -EINVAL;
	if (copy_from_user(&set, user->sigset, sizeof(set)))
		return -EFAULT;
	return set_sigmask(vcpu, &set);
}

static int vcpu_get_mp_state(struct um_vcpu *vcpu, void __user *user)
{
	struct kvm_mp_state state = {
		.mp_state = vcpu->apic ? um_irq_mp_state(vcpu) : vcpu->mp_state,
	};

	return copy_to_user(user, &state, sizeof(state)) ? -EFAULT : 0;
}

static int vcpu_set_mp_state(struct um_vcpu *vcpu, const void __user *user)
{
	struct kvm_mp_state state;

	if (copy_from_user(&state, user, sizeof(state)))
		return -EFAULT;
	if (vcpu->apic)
		return um_irq_set_mp_state(vcpu, state.mp_state);
	/* Without a local APIC there is nothing that could wake another. */
	if (state.mp_state != KVM_MP_STATE_RUNNABLE)
		return -EINVAL;
	vcpu->mp_state = state.mp_state;
	return 0;
}

static noinline_for_stack int vcpu_get_regs(struct um_vcpu *vcpu,
					    void __user *user)
{
	struct kvm_regs regs = {};

	um_vmx_get_regs(vcpu, &regs);
	return copy_to_user(user, &regs, sizeof(regs)) ? -EFAULT : 0;
}

static noinline_for_stack int vcpu_set_regs(struct um_vcpu *vcpu,
					    const void __user *user)
{
	struct kvm_regs regs;

	if (copy_from_user(&regs, user, sizeof(regs)))
		return -EFAULT;
	return um_vmx_set_regs(vcpu, &regs);
}

static noinline_for_stack int vcpu_get_sregs(struct um_vcpu *vcpu,
					     void __user *user)
{
	struct kvm_sregs sregs;

	memset(&sregs, 0, sizeof(sregs));
	um_vmx_get_sregs(vcpu, &sregs);
	return copy_to_user(user, &sregs, sizeof(sregs)) ? -EFAULT : 0;
}

static noinline_for_stack int vcpu_set_sregs(struct um_vcpu *vcpu,
					     const void __user *user)
{
	struct kvm_sregs sregs;

	if (copy_from_user(&sregs, user, sizeof(sregs)))
		return -EFAULT;
	return um_vmx_set_sregs(vcpu, &sregs);
}

static noinline_for_stack int vcpu_get_fpu(struct um_vcpu *vcpu,
					   void __user *user)
{
	struct kvm_fpu fpu;

	memset(&fpu, 0, sizeof(fpu));
	um_vmx_get_fpu(vcpu, &fpu);
	return copy_to_user(user, &fpu, sizeof(fpu)) ? -EFAULT : 0;
}

static noinline_for_stack int vcpu_set_fpu(struct um_vcpu *vcpu,
					   const void __user *user)
{
	struct kvm_fpu fpu;

	if (copy_from_user(&fpu, user, sizeof(fpu)))
		return -EFAULT;
	return um_vmx_set_fpu(vcpu, &fpu);
}

static noinline_for_stack int vcpu_get_xcrs(struct um_vcpu *vcpu,
					    void __user *user)
{
	struct kvm_xcrs xcrs;

	memset(&xcrs, 0, sizeof(xcrs));
	um_vmx_get_xcrs(vcpu, &xcrs);
	return copy_to_user(user, &xcrs, sizeof(xcrs)) ? -EFAULT : 0;
}

static noinline_for_stack int vcpu_set_xcrs(struct um_vcpu *vcpu,
					    const void __user *user)
{
	struct kvm_xcrs xcrs;

	if (copy_from_user(&xcrs, user, sizeof(xcrs)))
		return -EFAULT;
	return um_vmx_set_xcrs(vcpu, &xcrs);
}

static int vcpu_get_xsave(struct um_vcpu *vcpu, void __user *user)
{
	struct kvm_xsave *xsave;
	int r = 0;

	xsave = kzalloc(sizeof(*xsave), GFP_KERNEL_ACCOUNT);
	if (!xsave)
		return -ENOMEM;
	um_vmx_get_xsave(vcpu, xsave);
	if (copy_to_user(user, xsave, sizeof(*xsave)))
		r = -EFAULT;
	kfree(xsave);
	return r;
}

static int vcpu_set_xsave(struct um_vcpu *vcpu, const void __user *user)
{
	struct kvm_xsave *xsave = memdup_user(user, sizeof(*xsave));
	int r;

	if (IS_ERR(xsave))
		return PTR_ERR(xsave);
	r = um_vmx_set_xsave(vcpu, xsave);
	kfree(xsave);
	return r;
}

static int vcpu_get_debugregs(struct um_vcpu *vcpu, void __user *user)
{
	struct kvm_debugregs regs;

	um_vmx_get_debugregs(vcpu, &regs);
	return copy_to_user(user, &regs, sizeof(regs)) ? -EFAULT : 0;
}

static int vcpu_set_debugregs(struct um_vcpu *vcpu, const void __user *user)
{
	struct kvm_debugregs regs;

	if (copy_from_user(&regs, user, sizeof(regs)))
		return -EFAULT;
	return um_vmx_set_debugregs(vcpu, &regs);
}

static int vcpu_set_guest_debug(struct um_vcpu *vcpu, const void __user *user)
{
	struct kvm_guest_debug dbg;

	if (copy_from_user(&dbg, user, sizeof(dbg)))
		return -EFAULT;
	return um_vmx_set_guest_debug(vcpu, &dbg);
}

static int vcpu_translate(struct um_vcpu *vcpu, void __user *user)
{
	struct kvm_translation tr;

	if (copy_from_user(&tr, user, sizeof(tr)))
		return -EFAULT;
	um_vmx_translate(vcpu, &tr);
	return copy_to_user(user, &tr, sizeof(tr)) ? -EFAULT : 0;
}

/* KVM_{HAS,GET,SET}_DEVICE_ATTR: there is but one, the TSC's offset. */
static int vcpu_attr(struct um_vcpu *vcpu, unsigned int nr,
		     const void __user *user)
{
	struct kvm_device_attr attr;
	u64 __user *where;
	u64 offset;

	if (copy_from_user(&attr, user, sizeof(attr)))
		return -EFAULT;
	if (attr.group != KVM_VCPU_TSC_CTRL || attr.attr != KVM_VCPU_TSC_OFFSET)
		return -ENXIO;
	where = (u64 __user *)(unsigned long)attr.addr;
	if (nr == KVM_GET_DEVICE_ATTR)
		return put_user(um_vmx_get_tsc_offset(vcpu), where);
	if (nr == KVM_SET_DEVICE_ATTR) {
		if (get_user(offset, where))
			return -EFAULT;
		um_vmx_set_tsc_offset(vcpu, offset);
	}
	return 0;
}

static int one_msr(struct um_vcpu *vcpu, struct kvm_msr_entry *entry, bool set)
{
	if (!vcpu)
		return um_vmx_feature_msr(entry->index, &entry->data);
	if (set)
		return um_vmx_set_msr(vcpu, entry->index, entry->data);
	return um_vmx_get_msr(vcpu, entry->index, &entry->data);
}

/* Up to the first that is refused. */
int um_msrs(struct um_vcpu *vcpu, struct kvm_msrs __user *user, bool set)
{
	struct kvm_msr_entry *entry;
	struct kvm_msrs msrs;
	size_t size;
	int i;

	if (copy_from_user(&msrs, user, sizeof(msrs)))
		return -EFAULT;
	if (msrs.nmsrs >= MSRS_MAX)
		return -E2BIG;
	size = msrs.nmsrs * sizeof(*entry);
	entry = memdup_user(user->entries, size);
	if (IS_ERR(entry))
		return PTR_ERR(entry);
	for (i = 0; i < msrs.nmsrs; i++) {
		if (one_msr(vcpu, &entry[i], set))
			break;
	}
	if (!set && copy_to_user(user->entries, entry, size))
		i = -EFAULT;
	kfree(entry);
	return i;
}

static int vcpu_interrupt(struct um_vcpu *vcpu, const void __user *user)
{
	struct kvm_interrupt irq;

	if (copy_from_user(&irq, user, sizeof(irq)))
		return -EFAULT;
	/* The PIC is ours. */
	if (vcpu->vm->irqchip && !um_irq_is_split(vcpu->vm))
		return -ENXIO;
	return um_vmx_queue_irq(vcpu, irq.irq);
}

static int vcpu_nmi(struct um_vcpu *vcpu)
{
	um_vcpu_nmi(vcpu);
	return 0;
}

static noinline_for_stack int vcpu_get_events(struct um_vcpu *vcpu,
					      void __user *user)
{
	struct kvm_vcpu_events ev;

	um_vmx_get_events(vcpu, &ev);
	return copy_to_user(user, &ev, sizeof(ev)) ? -EFAULT : 0;
}

static noinline_for_stack int vcpu_set_events(struct um_vcpu *vcpu,
					      const void __user *user)
{
	struct kvm_vcpu_events ev;

	if (copy_from_user(&ev, user, sizeof(ev)))
		return -EFAULT;
	return um_vmx_set_events(vcpu, &ev);
}

static int vcpu_dispatch(struct um_vcpu *vcpu, unsigned int nr,
			 void __user *user)
{
	switch (nr) {
	case KVM_GET_REGS:
		return vcpu_get_regs(vcpu, user);
	case KVM_SET_REGS:
		return vcpu_set_regs(vcpu, user);
	case KVM_GET_SREGS:
		return vcpu_get_sregs(vcpu, user);
	case KVM_SET_SREGS:
		return vcpu_set_sregs(vcpu, user);
	case KVM_GET_MSRS:
		return um_msrs(vcpu, user, false);
	case KVM_SET_MSRS:
		return um_msrs(vcpu, user, true);
	case KVM_SET_CPUID2:
		return um_cpuid_set(vcpu, user);
	case KVM_GET_CPUID2:
		return um_cpuid_get(vcpu, user);
	case KVM_GET_TSC_KHZ:
		return tsc_khz;
	case KVM_GET_MP_STATE:
		return vcpu_get_mp_state(vcpu, user);
	case KVM_SET_MP_STATE:
		return vcpu_set_mp_state(vcpu, user);
	case KVM_GET_FPU:
		return vcpu_get_fpu(vcpu, user);
	case KVM_SET_FPU:
		return vcpu_set_fpu(vcpu, user);
	case KVM_HAS_DEVICE_ATTR:
	case KVM_GET_DEVICE_ATTR:
	case KVM_SET_DEVICE_ATTR:
		return vcpu_attr(vcpu, nr, user);
	case KVM_GET_DEBUGREGS:
		return vcpu_get_debugregs(vcpu, user);
	case KVM_SET_DEBUGREGS:
		return vcpu_set_debugregs(vcpu, user);
	case KVM_SET_GUEST_DEBUG:
		return vcpu_set_guest_debug(vcpu, user);
	case KVM_TRANSLATE:
		return vcpu_translate(vcpu, user);
	case KVM_GET_XSAVE2: /* no state is larger */
	case KVM_GET_XSAVE:
		return vcpu_get_xsave(vcpu, user);
	case KVM_SET_XSAVE:
		return vcpu_set_xsave(vcpu, user);
	case KVM_GET_XCRS:
		return vcpu_get_xcrs(vcpu, user);
	case KVM_SET_XCRS:
		return vcpu_set_xcrs(vcpu, user);
	case KVM_SET_SIGNAL_MASK:
		return vcpu_set_sigmask(vcpu, user);
	case KVM_INTERRUPT:
		return vcpu_interrupt(vcpu, user);
	case KVM_NMI:
		return vcpu_nmi(vcpu);
	case KVM_ENABLE_CAP:
		return um_vcpu_enable_cap(vcpu, user);
	case KVM_GET_VCPU_EVENTS:
		return vcpu_get_events(vcpu, user);
	case KVM_SET_VCPU_EVENTS:
		return vcpu_set_events(vcpu, user);
	case KVM_PRE_FAULT_MEMORY:
		return um_pre_fault(vcpu, user);
	case KVM_GET_STATS_FD:
		return um_stat_vcpu_fd(vcpu);
	default:
		/* -EINVAL and not ENOTTY: as KVM on x86 */
		return um_irq_vcpu_ioctl(vcpu, nr, (unsigned long)user);
	}
}

long um_vcpu_ioctl(struct file *file, unsigned int nr, unsigned long arg)
{
	struct um_vcpu *vcpu = file->private_data;
	int r = um_vm_usable(vcpu->vm);

	if (r)
		return r;
	if (_IOC_TYPE(nr) != KVMIO)
		return -EINVAL;
	if (mutex_lock_killable(&vcpu->mutex))
		return -EINTR;
	if (nr == KVM_RUN)
		r = vcpu_run(vcpu, arg);
	else
		r = vcpu_dispatch(vcpu, nr, (void __user *)arg);
	mutex_unlock(&vcpu->mutex);
	return r;
}

#ifdef CONFIG_COMPAT
static int compat_set_sigmask(struct um_vcpu *vcpu,
			      struct kvm_signal_mask __user *user)
{
	struct kvm_signal_mask mask;
	sigset_t set;
	int r;

	if (user) {
		if (copy_from_user(&mask, user, sizeof(mask)))
			return -EFAULT;
		if (mask.len != sizeof(compat_sigset_t))
			return -EINVAL;
		if (get_compat_sigset(&set, (void __user *)user->sigset))
			return -EFAULT;
	}
	if (mutex_lock_killable(&vcpu->mutex))
		return -EINTR;
	r = set_sigmask(vcpu, user ? &set : NULL);
	mutex_unlock(&vcpu->mutex);
	return r;
}

/* Only the signal mask has another size when the caller has 32 bits. */
long um_vcpu_compat_ioctl(struct file *file, unsigned int nr,
			  unsigned long arg)
{
	struct um_vcpu *vcpu = file->private_data;
	int r = um_vm_usable(vcpu->vm);

	if (r)
		return r;
	if (nr == KVM_SET_SIGNAL_MASK)
		return compat_set_sigmask(vcpu, compat_ptr(arg));
	return um_vcpu_ioctl(file, nr, arg);
}
#endif
