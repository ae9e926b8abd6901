// SPDX-License-Identifier: GPL-2.0
/*
 * The point of injection (vmx/inject.c) and a guest whose HLT does not exit:
 * with an event the CPU enters active, without it waits on (SDM, "Checks on
 * Guest Non-Register State").
 */
#include "../tap.h"

#include "machine.h"

#include <umbra/event.h>

static struct um_vmx *const vmx = &machine.cpu[0].vmx;

/* In HLT, with interrupts on. */
static void new_vm(u32 cpu)
{
	machine_new(1, false);
	vmx->cpu = cpu;
	vmx->vmcs[GUEST_RFLAGS] = X86_EFLAGS_IF;
	vmx->vmcs[GUEST_ACTIVITY_STATE] = GUEST_ACTIVITY_HLT;
}

static void enters(u32 info, u64 activity)
{
	um_vcpu_begin_entry(&vmx->vcpu);
	um_event_look(vmx);
	EXPECT_EQ(vmx->vmcs[VM_ENTRY_INTR_INFO_FIELD], info);
	EXPECT_EQ(vmx->vmcs[GUEST_ACTIVITY_STATE], activity);
	machine_free();
}

static void exception_ends_hlt(void)
{
	new_vm(0);
	vmx->event = (struct um_event){
		.pending = true,
		.vector = X86_TRAP_GP,
		.type = INTR_TYPE_HARD_EXCEPTION,
	};
	enters(X86_TRAP_GP | INTR_TYPE_HARD_EXCEPTION | INTR_INFO_VALID_MASK,
	       GUEST_ACTIVITY_ACTIVE);
}

static void nmi_ends_hlt(void)
{
	new_vm(0);
	um_vcpu_nmi(&vmx->vcpu);
	enters(X86_TRAP_NMI | INTR_TYPE_NMI_INTR | INTR_INFO_VALID_MASK,
	       GUEST_ACTIVITY_ACTIVE);
}

static void hlt_goes_on(void)
{
	new_vm(0);
	um_vcpu_attend(&vmx->vcpu);
	enters(0, GUEST_ACTIVITY_HLT);
}

int main(void)
{
	shim_thread(1);
	TEST(exception_ends_hlt);
	TEST(nmi_ends_hlt);
	TEST(hlt_goes_on);
	return tap_done();
}
