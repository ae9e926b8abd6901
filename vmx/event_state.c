// SPDX-License-Identifier: GPL-2.0
/*
 * Events as user space sees them: KVM_GET/SET_VCPU_EVENTS, KVM_INTERRUPT, the
 * interrupt bitmap of KVM_GET/SET_SREGS (api.rst section 4).
 *
 * An event is "injected" there when it is in vmx->event, on its way: the next
 * entry delivers it first. A vector that KVM_INTERRUPT queued counts as such, too.
 */
#include <linux/atomic.h>
#include <linux/bitmap.h>
#include <linux/string.h>
#include <umbra/event.h>
#include "vcpu.h"

#define SHADOW_BITS (GUEST_INTR_STATE_STI | GUEST_INTR_STATE_MOV_SS)

static_assert(KVM_X86_SHADOW_INT_MOV_SS == 0x01);
static_assert(KVM_X86_SHADOW_INT_STI == 0x02);

/* What is in vmx->event is of @type. */
static bool event_is(const struct um_vmx *vmx, u32 type)
{
	return vmx->event.pending && vmx->event.type == type;
}

/* The vector of the interrupt on its way, or UM_NO_IRQ. */
static int irq_injected(const struct um_vmx *vmx)
{
	if (event_is(vmx, INTR_TYPE_EXT_INTR))
		return vmx->event.vector;
	/* Beside a local APIC it is still the PIC's to take back. */
	return vmx->vcpu.apic ? UM_NO_IRQ : vmx->vcpu.user_irq;
}

int um_vmx_queue_irq(struct um_vcpu *vcpu, u32 vector)
{
	if (vector >= KVM_NR_INTERRUPTS)
		return -EINVAL;
	if (vcpu->user_irq != UM_NO_IRQ ||
	    (!vcpu->apic && irq_injected(to_vmx(vcpu)) != UM_NO_IRQ))
		return -EEXIST;
	vcpu->user_irq = vector;
	um_vcpu_attend(vcpu);
	return 0;
}

static void set_event(struct um_vmx *vmx, u8 vector, u32 type)
{
	vmx->event = (struct um_event){
		.pending = true,
		.begun = true,
		.vector = vector,
		.type = type,
	};
}

/*
 * An interrupt that user space says was on its way. A local APIC has it in
 * service already and is not asked for it again.
 */
static void set_irq(struct um_vmx *vmx, u8 vector)
{
	if (vmx->vcpu.apic)
		set_event(vmx, vector, INTR_TYPE_EXT_INTR);
	else
		vmx->vcpu.user_irq = vector;
}

void um_event_bitmap_get(const struct um_vmx *vmx, unsigned long *bitmap)
{
	int vector = irq_injected(vmx);

	if (vector != UM_NO_IRQ)
		__set_bit(vector, bitmap);
}

/* The lowest, as KVM; none leaves what there is. */
void um_event_bitmap_set(struct um_vmx *vmx, const unsigned long *bitmap)
{
	int vector = find_first_bit(bitmap, KVM_NR_INTERRUPTS);

	if (vector == KVM_NR_INTERRUPTS)
		return;
	if (event_is(vmx, INTR_TYPE_EXT_INTR))
		vmx->event.pending = false;
	set_irq(vmx, vector);
	um_vcpu_attend(&vmx->vcpu);
}

static u8 shadow_get(struct um_vmx *vmx)
{
	u32 state = vmx_read(vmx, GUEST_INTERRUPTIBILITY_INFO);

	return (state & GUEST_INTR_STATE_STI ? KVM_X86_SHADOW_INT_STI : 0) |
	       (state & GUEST_INTR_STATE_MOV_SS ? KVM_X86_SHADOW_INT_MOV_SS : 0);
}

/* Both at once there cannot be; MOV SS blocks more. */
static void shadow_set(struct um_vmx *vmx, u8 shadow)
{
	u32 state = vmx_read(vmx, GUEST_INTERRUPTIBILITY_INFO) & ~SHADOW_BITS;

	if (shadow & KVM_X86_SHADOW_INT_MOV_SS)
		state |= GUEST_INTR_STATE_MOV_SS;
	else if (shadow & KVM_X86_SHADOW_INT_STI)
		state |= GUEST_INTR_STATE_STI;
	vmx_write(vmx, GUEST_INTERRUPTIBILITY_INFO, state);
}

/*
 * What an instruction raises by itself (INT n, INT1, INT3, INTO) is not told: RIP
 * is at that instruction, which raises it again.
 */
void um_vmx_get_events(struct um_vcpu *vcpu, struct kvm_vcpu_events *ev)
{
	struct um_vmx *vmx = to_vmx(vcpu);
	const struct um_event *e = &vmx->event;
	int irq = irq_injected(vmx);

	memset(ev, 0, sizeof(*ev));
	um_vcpu_load(vmx);
	if (event_is(vmx, INTR_TYPE_HARD_EXCEPTION)) {
		ev->exception.injected = 1;
		ev->exception.nr = e->vector;
		ev->exception.has_error_code = e->has_error;
		ev->exception.error_code = e->error;
	}
	ev->interrupt.injected = irq != UM_NO_IRQ;
	ev->interrupt.nr = irq != UM_NO_IRQ ? irq : 0;
	ev->interrupt.shadow = shadow_get(vmx);
	ev->nmi.injected = event_is(vmx, INTR_TYPE_NMI_INTR);
	ev->nmi.pending = atomic_read(&vmx->nmis);
	ev->nmi.masked = !!(vmx_read(vmx, GUEST_INTERRUPTIBILITY_INFO) &
			    GUEST_INTR_STATE_NMI);
	ev->flags = KVM_VCPUEVENT_VALID_NMI_PENDING |
		    KVM_VCPUEVENT_VALID_SHADOW;
	um_vcpu_put(vmx);
}

#define KNOWN_FLAGS                                                      \
	(KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SIPI_VECTOR | \
	 KVM_VCPUEVENT_VALID_SHADOW | KVM_VCPUEVENT_VALID_SMM)

static bool events_valid(const struct kvm_vcpu_events *ev)
{
	if (ev->flags & ~KNOWN_FLAGS)
		return false;
	/* There is no system management mode to be in. */
	if ((ev->flags & KVM_VCPUEVENT_VALID_SMM) &&
	    (ev->smi.smm || ev->smi.pending || ev->smi.smm_inside_nmi))
		return false;
	return !ev->exception.injected ||
	       (ev->exception.nr < 32 && ev->exception.nr != X86_TRAP_NMI);
}

/* INT3 and INTO: the saved RIP is behind them. */
static bool is_soft(u8 vector)
{
	return vector == X86_TRAP_BP || vector == X86_TRAP_OF;
}

/*
 * Of several that user space says are on their way, the one that goes first; an
 * interrupt may follow when the guest can take it.
 */
static void set_injected(struct um_vmx *vmx, const struct kvm_vcpu_events *ev)
{
	vmx->event.pending = false;
	if (!vmx->vcpu.apic)
		vmx->vcpu.user_irq = UM_NO_IRQ;
	if (ev->interrupt.injected && !ev->interrupt.soft)
		set_irq(vmx, ev->interrupt.nr);
	if (ev->exception.injected && is_soft(ev->exception.nr)) {
		set_event(vmx, ev->exception.nr, INTR_TYPE_SOFT_EXCEPTION);
		vmx->event.insn_len = vmx->debug.bp_len;
	} else if (ev->exception.injected) {
		set_event(vmx, ev->exception.nr, INTR_TYPE_HARD_EXCEPTION);
		vmx->event.has_error =
			um_event_has_error(vmx, ev->exception.nr);
		vmx->event.error = ev->exception.error_code;
	} else if (ev->nmi.injected) {
		set_event(vmx, X86_TRAP_NMI, INTR_TYPE_NMI_INTR);
	}
}

int um_vmx_set_events(struct um_vcpu *vcpu, const struct kvm_vcpu_events *ev)
{
	struct um_vmx *vmx = to_vmx(vcpu);

	if (!events_valid(ev))
		return -EINVAL;
	um_vcpu_load(vmx);
	set_injected(vmx, ev);
	if (ev->flags & KVM_VCPUEVENT_VALID_SHADOW)
		shadow_set(vmx, ev->interrupt.shadow);
	if (ev->flags & KVM_VCPUEVENT_VALID_NMI_PENDING)
		atomic_set(&vmx->nmis, min_t(int, ev->nmi.pending, UM_NMIS_MAX));
	um_event_block_nmi(vmx, ev->nmi.masked);
	um_vcpu_put(vmx);
	um_vcpu_attend(vcpu);
	return 0;
}
