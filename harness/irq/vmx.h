/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What vmx/inject.c sees of a vCPU and of its VMCS, in the place of vmx/vcpu.h,
 * which this shuts out: compiled with -include.
 */
#ifndef _UMBRA_VMX_VCPU_H
#define _UMBRA_VMX_VCPU_H

#include <linux/atomic.h>
#include <linux/container_of.h>
#include <umbra/irq.h>
#include <umbra/vm.h>
#include <umbra/vmx.h>

/* COPY of <asm/vmx.h>: bits; fields are numbered at will. */
#define GUEST_INTR_STATE_STI 0x1
#define GUEST_INTR_STATE_MOV_SS 0x2
#define GUEST_INTR_STATE_NMI 0x8
#define CPU_BASED_INTR_WINDOW_EXITING BIT(2)
#define CPU_BASED_HLT_EXITING BIT(7)
#define CPU_BASED_TPR_SHADOW BIT(21)
#define CPU_BASED_NMI_WINDOW_EXITING BIT(22)
#define GUEST_ACTIVITY_ACTIVE 0
#define GUEST_ACTIVITY_HLT 1
#define INTR_INFO_VECTOR_MASK 0xff
#define INTR_INFO_DELIVER_CODE_MASK 0x800
#define INTR_INFO_VALID_MASK 0x80000000u
#define INTR_TYPE_EXT_INTR (0 << 8)
#define INTR_TYPE_NMI_INTR (2 << 8)
#define INTR_TYPE_HARD_EXCEPTION (3 << 8)
#define INTR_TYPE_SOFT_INTR (4 << 8)
#define INTR_TYPE_PRIV_SW_EXCEPTION (5 << 8)
#define INTR_TYPE_SOFT_EXCEPTION (6 << 8)
#define VECTORING_INFO_VECTOR_MASK INTR_INFO_VECTOR_MASK
#define VECTORING_INFO_TYPE_MASK 0x700
#define VECTORING_INFO_DELIVER_CODE_MASK INTR_INFO_DELIVER_CODE_MASK
#define X86_EFLAGS_IF BIT(9)
#define X86_EFLAGS_RF BIT(16)
#define X86_TRAP_DB 1
#define X86_TRAP_NMI 2
#define X86_TRAP_GP 13

enum {
	GUEST_RFLAGS,
	GUEST_INTERRUPTIBILITY_INFO,
	GUEST_ACTIVITY_STATE,
	VM_ENTRY_INTR_INFO_FIELD,
	VM_ENTRY_EXCEPTION_ERROR_CODE,
	VM_ENTRY_INSTRUCTION_LEN,
	VM_EXIT_INSTRUCTION_LEN,
	IDT_VECTORING_ERROR_CODE,
	CPU_BASED_VM_EXEC_CONTROL,
	TPR_THRESHOLD,
	VMCS_FIELDS
};

/* COPY of vmx/vcpu.h. */
#define UM_NMIS_MAX 2
#define UM_RESUME 1

struct um_event {
	bool pending, begun, has_error;
	u8 vector;
	u32 type, error, insn_len;
};

struct um_vmx {
	struct um_vcpu vcpu;
	struct um_event event;
	atomic_t nmis;
	bool window_asked;
	u32 cpu;
	u8 tpr_threshold;
	u32 idt_vectoring;
	u64 vmcs[VMCS_FIELDS];
};

static inline struct um_vmx *to_vmx(struct um_vcpu *vcpu)
{
	return container_of(vcpu, struct um_vmx, vcpu);
}

static inline u64 vmx_read(struct um_vmx *vmx, unsigned long field)
{
	return vmx->vmcs[field];
}

static inline void vmx_write(struct um_vmx *vmx, unsigned long field, u64 value)
{
	vmx->vmcs[field] = value;
}

/* There are no MSRs, and no filter of them. */
static inline void um_msr_bitmap_look(struct um_vmx *vmx)
{
}

/* Nobody debugs it. */
static inline bool um_debug_has(const struct um_vmx *vmx, u32 control)
{
	return false;
}

void um_event_look(struct um_vmx *vmx);
bool um_event_user_ready(struct um_vmx *vmx);
void um_event_requeue(struct um_vmx *vmx, u32 info);
void um_event_not_entered(struct um_vmx *vmx);
void um_event_block_nmi(struct um_vmx *vmx, bool block);
void um_event_nmi_unblocked(struct um_vmx *vmx, unsigned long qual);
int um_exit_irq_window(struct um_vmx *vmx);
int um_exit_nmi_window(struct um_vmx *vmx);
int um_exit_tpr(struct um_vmx *vmx);

#endif
