/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A vCPU as vmx/ sees it, and what the files of this folder share.
 */
#ifndef _UMBRA_VMX_VCPU_H
#define _UMBRA_VMX_VCPU_H

#include <linux/atomic.h>
#include <linux/kvm.h>
#include <linux/jump_label.h>
#include <linux/list.h>
#include <asm/fpu/api.h>
#include <asm/fpu/types.h>
#include <asm/tlbflush.h>
#include <asm/trapnr.h>
#include <umbra/emulate.h>
#include <umbra/guest_walk.h>
#include <umbra/irq.h>
#include <umbra/vm.h>
#include <umbra/vmx.h>
#include "entry.h"
#include "perf.h"
#include "vmcs.h"

/* Order of um_world.gpr: the encoding of instructions and VMX exits. */
enum um_gpr {
	UM_RAX, UM_RCX, UM_RDX, UM_RBX, UM_RSP, UM_RBP, UM_RSI, UM_RDI,
	UM_R8, UM_R9, UM_R10, UM_R11, UM_R12, UM_R13, UM_R14, UM_R15,
	UM_GPRS
};

/*
 * MSRs that the host needs back only before it runs user code; in the order
 * of um_uret_index[].
 */
enum um_uret {
	UM_URET_STAR,
	UM_URET_LSTAR,
	UM_URET_FMASK,
	UM_URET_TSC_AUX,
	UM_URETS
};

struct um_event {
	bool pending;	 /* goes in with the next entry */
	bool begun;	 /* the guest was taking it: not user space's to drop */
	bool has_error;
	u8 vector;
	u32 type;	 /* INTR_TYPE_* */
	u32 error;
	u32 insn_len;	 /* for software exceptions and interrupts */
};

/* DR7: any breakpoint on, local or global; DR6: its trap bits. */
#define UM_DR7_ACTIVE 0xff
#define UM_DR7_GD BIT(13)
#define UM_DR7_KNOWN 0xffff2bffu
#define UM_DR7_FIXED 0x400
#define UM_DR6_FIXED 0xffff0ff0u
#define UM_DR6_TRAPS 0xf
#define UM_DR6_BD BIT(13)
#define UM_DR6_BS BIT(14)
#define UM_DR6_BT BIT(15)

/* KVM_SET_GUEST_DEBUG: see debug.c. */
struct um_debug {
	u32 control;	    /* KVM_GUESTDBG_*, 0: no debugger */
	u8 bp_len;	    /* of the INT3 that user space was told last */
	u64 step_rip;	    /* linear; where the next run steps from */
	unsigned long dr[4]; /* instead of the guest's, with USE_HW_BP */
	unsigned long dr7;
};

/* What was last written to a host-state field: vmwrites are saved by it. */
struct um_host_state {
	unsigned long cr3, cr4, fs_base, gs_base, debugctl;
	u16 fs_sel, gs_sel, ldt_sel, ds_sel, es_sel;
};

/* MMIO bytes of one instruction: reads done by user space, writes to do. */
#define UM_MMIO_FRAGS 8
struct um_mmio_frag {
	gpa_t gpa;
	u8 len; /* 1..8 */
	u8 data[8];
};

struct um_mmio {
	struct um_mmio_frag read[UM_MMIO_FRAGS], write[UM_MMIO_FRAGS];
	u64 rip;	/* of the instruction */
	u8 nread;	/* completed reads, replayed in order */
	u8 next;	/* the next one to hand out */
	u8 nwrite;	/* posted writes */
	u8 written;	/* of them handed to user space */
};

/* A port access that user space is completing. */
struct um_pio {
	u16 port;
	u8 size;
	bool in;
	u32 count;
	u64 rip;	/* of the instruction */
	u32 insn_len;
	struct um_emul_pio string;
};

/* An RDMSR or WRMSR that user space is completing. */
struct um_msr_access {
	u64 rip;
	u32 insn_len;
};

/* The last write to a page table that could not be emulated. */
struct um_stuck {
	u32 state; /* a hash of the registers and the frame */
	u32 times; /* that it came with nothing done in between */
	u64 exits; /* stat.exits then */
};

/* States that a guest may have, where CPU and CPUID have them. */
#define UM_XCR0_GUEST \
	(XFEATURE_MASK_FPSSE | XFEATURE_MASK_YMM | XFEATURE_MASK_AVX512)

#define UM_MTRR_VAR 16
#define UM_MTRR_FIX 11

/*
 * core/ knows only the embedded vcpu and hands us its address.
 */
struct um_vmx {
	struct um_vcpu vcpu;
	struct um_perf perf;
	struct um_world world; /* gpr[UM_RSP] is in the VMCS instead */

	struct um_vmcs *vmcs;
	hpa_t vmcs_pa;
	int vmcs_cpu;		    /* CPU whose cache holds it, -1: none */
	struct list_head vmcs_link; /* on that CPU's list */
	unsigned long *msr_bitmap;
	u64 msr_filter_seq;	    /* of the filter it was made by, 0: none */
	u64 *pml;		    /* the CPU's log, a page; NULL: it has none */
	bool pml_on;
	u32 cpu, cpu2;		    /* processor controls in the VMCS */
	u8 tpr_threshold;	    /* there as well */
	u32 timer_value;	    /* of the preemption timer; there as well */

	u16 vpid;
	u64 eptp;
	u64 tlb_seen;	    /* um_tlb_owed() this CPU was flushed for */
	bool flush_all;	    /* came to a new CPU */
	bool flush_guest;   /* the guest flushed through us: INVVPID */

	bool guest_loaded;  /* guest's KERNEL_GS_BASE and friends are live */
	struct um_host_state host;
	u64 host_kernel_gs_base;
	u64 kernel_gs_base;
	u64 uret[UM_URETS];
	bool uret_loaded;
	bool has_rdtscp;    /* by the guest's CPUID */
	bool has_invpcid;   /* as well */
	bool has_gbpages;
	bool l1d_dirty;	    /* somebody else's data may be in L1D */

	/* State kept beside the VMCS. */
	unsigned long cr0, cr4; /* as the guest sees them, where not owned */
	u64 efer;
	unsigned long cr8;
	unsigned long cr4_reserved; /* from CPUID */
	u64 xcr0, xcr0_allowed;
	unsigned long dr[4], dr6, dr7;
	unsigned long hw_dr7;	/* in the VMCS: dr7, or the debugger's */
	u64 apic_base;
	u64 cstar, misc_enable, power_ctl, pat;
	u64 mtrr_var[UM_MTRR_VAR], mtrr_fix[UM_MTRR_FIX], mtrr_def;
	u8 maxphyaddr;
	u64 tsc_offset, tsc_adjust;
	u64 platform_info;

	/* Shadow tables: see shadow.h. */
	struct um_context *ctx;	 /* NULL: another engine; const */
	bool shadow;		 /* the VMCS is for shadow tables, not EPT */
	bool paging_changed;	 /* since ctx heard of it, or shadow was set */
	bool has_rmaps;		 /* the slots have, seen under slots_lock */
	bool segments_set;	 /* by user space; or the way has changed */
	struct um_root *root;	 /* whose VPID and CR3 the VMCS has, or NULL */
	hpa_t root_pa;
	struct um_stuck stuck;

	struct um_event event;
	atomic_t nmis;		/* pending; anybody adds */
	bool window_asked;	/* request_interrupt_window of this KVM_RUN */
	bool shutdown;		/* a fault while delivering #DF */
	bool stepped;		/* an instruction is done: tell the debugger */
	struct um_debug debug;

	/* Read once per exit. */
	u32 idt_vectoring;

	struct task_struct *runner; /* in KVM_RUN; see pause.c */
	int last_helped;	    /* index of the vCPU we yielded to */

	struct um_msr_access msr;
	struct um_pio pio;
	struct um_mmio mmio;
	/* Runs at the next KVM_RUN, to finish what user space was asked. */
	int (*complete)(struct um_vmx *vmx);

	struct fpu_guest fpu;
};

static inline struct um_vmx *to_vmx(struct um_vcpu *vcpu)
{
	return container_of(vcpu, struct um_vmx, vcpu);
}

static inline u64 vmx_read(struct um_vmx *vmx, unsigned long field)
{
	vmx->vcpu.stat.vmread++;
	return vmcs_read(field);
}

static inline void vmx_write(struct um_vmx *vmx, unsigned long field, u64 value)
{
	vmx->vcpu.stat.vmwrite++;
	vmcs_write(field, value);
}

/*
 * An exit handler's word: 1 enters the guest again, 0 goes to user space
 * with run->exit_reason set, -errno ends KVM_RUN with it.
 */
#define UM_RESUME 1
#define UM_USER 0

/* caps.c: const after um_vmx_init() */
struct um_vmx_caps {
	u32 revision, vmcs_size;
	u32 pin, cpu, cpu2, exit, entry;
	bool has_ple, has_rdtscp, has_tpr_shadow;
	bool has_timer;	 /* the preemption timer, for guests' timers */
	u8 timer_shift;	 /* a tick of it is 2^n of the TSC */
	u32 timer_idle;	 /* ticks when no timer is armed: slice= or no end */
	struct um_mmu_caps mmu;
};

extern struct um_vmx_caps um_caps;
int um_caps_init(void);
/* Same CPU features on the CPU this runs on? 0, or -ENODEV in words. */
int um_caps_check_cpu(void);
/* What a vCPU needs beyond um_caps, in words; for a refused load. */
int um_caps_refuse(const char *what);

/* init.c: 1..65535 or -ENOMEM */
int um_vpid_alloc(void);
void um_vpid_free(u16 vpid);

/* hw.c */
int um_hw_init(void);
void um_hw_exit(void);
bool um_hw_rebooting(void);
void um_vmcs_load(struct um_vmx *vmx, int cpu);
void um_vmcs_clear(struct um_vmx *vmx);

/* switch.c: preemption off, or by preempt notifier */
void um_vcpu_load(struct um_vmx *vmx);
void um_vcpu_put(struct um_vmx *vmx);
void um_vcpu_sched_in(struct um_vmx *vmx, int cpu);
void um_vcpu_sched_out(struct um_vmx *vmx);
void um_switch_to_guest(struct um_vmx *vmx);
void um_uret_set(struct um_vmx *vmx, int i, u64 value);
int um_uret_find(u32 msr);
void um_uret_drop_cpu(void);

/* vmcs.c */
void um_vmcs_setup(struct um_vmx *vmx);

/* l1d.c */
int um_l1d_init(void);
void um_l1d_exit(void);
DECLARE_STATIC_KEY_FALSE(um_l1d_needed);
void um_l1d_flush(struct um_vmx *vmx);

/* run.c */
extern u64 um_host_xcr0;

/* exit.c */
int um_exit_handle(struct um_vmx *vmx);
u64 um_gpr_get(struct um_vmx *vmx, int n);
void um_gpr_set(struct um_vmx *vmx, int n, u64 value);
bool um_in_64bit(struct um_vmx *vmx);
void um_insn_done(struct um_vmx *vmx);
void um_skip_len(struct um_vmx *vmx, u32 len);
void um_skip_insn(struct um_vmx *vmx);
int um_exit_internal(struct um_vmx *vmx, u32 suberror);
int um_exit_unknown_insn(struct um_vmx *vmx, const u8 *bytes, u8 len);

/* event.c */
void um_inject(struct um_vmx *vmx, u8 vector);
void um_inject_error(struct um_vmx *vmx, u8 vector, u32 error);
bool um_event_has_error(const struct um_vmx *vmx, u8 vector);
void um_event_machine_check(void);
int um_exit_exception(struct um_vmx *vmx);

/* debug.c; the vCPU is loaded */
static inline bool um_debug_has(const struct um_vmx *vmx, u32 control)
{
	return unlikely(vmx->debug.control & control);
}

int um_debug_exit(struct um_vmx *vmx, u8 vector, u32 dr6);
void um_debug_arm(struct um_vmx *vmx);
void um_debug_insn_done(struct um_vmx *vmx);
int um_debug_stepped(struct um_vmx *vmx);
u64 um_debug_rflags(struct um_vmx *vmx);
const unsigned long *um_debug_drs(const struct um_vmx *vmx);
void um_dr7_load(struct um_vmx *vmx);
void um_exceptions_load(struct um_vmx *vmx);
u64 um_linear_rip(struct um_vmx *vmx);

/* inject.c */
#define UM_NMIS_MAX 2 /* pending: the next, and one behind it */
void um_event_look(struct um_vmx *vmx);
bool um_event_user_ready(struct um_vmx *vmx);
void um_event_requeue(struct um_vmx *vmx, u32 info);
void um_event_not_entered(struct um_vmx *vmx);
void um_event_block_nmi(struct um_vmx *vmx, bool block);
void um_event_nmi_unblocked(struct um_vmx *vmx, unsigned long qual);
int um_exit_irq_window(struct um_vmx *vmx);
int um_exit_nmi_window(struct um_vmx *vmx);
int um_exit_tpr(struct um_vmx *vmx);

/* event_state.c; 256 bits */
void um_event_bitmap_get(const struct um_vmx *vmx, unsigned long *bitmap);
void um_event_bitmap_set(struct um_vmx *vmx, const unsigned long *bitmap);

/* The task priority and the APIC's base, wherever the APIC is. */
static inline u8 um_cr8_get(const struct um_vmx *vmx)
{
	return vmx->vcpu.apic ? um_apic_cr8(&vmx->vcpu) : vmx->cr8;
}

static inline void um_cr8_put(struct um_vmx *vmx, u8 cr8)
{
	if (vmx->vcpu.apic)
		um_apic_set_cr8(&vmx->vcpu, cr8);
	else
		vmx->cr8 = cr8;
}

static inline u64 um_apic_base_get(const struct um_vmx *vmx)
{
	return vmx->vcpu.apic ? um_apic_base(&vmx->vcpu) : vmx->apic_base;
}

/* vmcs.c: what RESET and INIT have in common */
void um_vmcs_reset(struct um_vmx *vmx);

/* cr.c */
int um_exit_cr(struct um_vmx *vmx);
int um_exit_dr(struct um_vmx *vmx);
int um_exit_xsetbv(struct um_vmx *vmx);
bool um_cr0_valid(struct um_vmx *vmx, unsigned long cr0);
bool um_cr4_valid(struct um_vmx *vmx, unsigned long cr4);
unsigned long um_cr0_get(struct um_vmx *vmx);
unsigned long um_cr4_get(struct um_vmx *vmx);
/* No DR4, DR5; false where MOV would fault. */
bool um_dr_write(struct um_vmx *vmx, int dr, u64 value);
void um_cr0_write(struct um_vmx *vmx, unsigned long cr0);
void um_cr4_write(struct um_vmx *vmx, unsigned long cr4);
void um_efer_write(struct um_vmx *vmx, u64 efer);
bool um_xcr0_valid(struct um_vmx *vmx, u64 xcr0);
void um_xcr0_write(struct um_vmx *vmx, u64 xcr0);
void um_cr_cpuid_changed(struct um_vmx *vmx);

/* paging.c */
unsigned long um_cr3_get(struct um_vmx *vmx);
void um_cr3_write(struct um_vmx *vmx, unsigned long cr3);
bool um_cr3_mov(struct um_vmx *vmx, u64 cr3);
bool um_is_pae(u64 cr0, u64 cr4, u64 efer);
bool um_pdptrs_load(struct um_vmx *vmx, unsigned long cr3);
/* All of it as it is now. */
void um_paging_read(struct um_vmx *vmx, struct um_guest_paging *p);

/*
 * msr.c: the vCPU is loaded. Return 0, or why not: KVM_MSR_EXIT_REASON_UNKNOWN,
 * or _INVAL, for what is reserved or not the guest's (@host: user space asks).
 */
int um_msr_get(struct um_vmx *vmx, u32 msr, u64 *data);
int um_msr_set(struct um_vmx *vmx, u32 msr, u64 data, bool host);
bool um_apic_base_valid(struct um_vmx *vmx, u64 base, bool host);

/* msr_exit.c */
int um_exit_rdmsr(struct um_vmx *vmx);
int um_exit_wrmsr(struct um_vmx *vmx);
/* At birth, vm->lock held; if there is a new filter; and before an entry. */
void um_msr_bitmap_setup(struct um_vmx *vmx);
void um_msr_bitmap_update(struct um_vmx *vmx);
static inline void um_msr_bitmap_look(struct um_vmx *vmx)
{
	if (unlikely(rcu_access_pointer(vmx->vcpu.vm->msr_filter)))
		um_msr_bitmap_update(vmx);
}

/* tsc.c: by WRMSR, or (@host) by user space; the vCPU is loaded */
void um_tsc_write(struct um_vmx *vmx, u64 value, bool host);
void um_tsc_adjust_write(struct um_vmx *vmx, u64 value, bool host);

/*
 * timer.c: at birth; and with interrupts off, whenever um_timer_must_load(),
 * last before what an expired timer raises is looked at.
 */
void um_timer_setup(struct um_vmx *vmx);
void um_timer_load(struct um_vmx *vmx);
int um_exit_timer(struct um_vmx *vmx);

static inline bool um_timer_must_load(const struct um_vmx *vmx)
{
	return vmx->vcpu.timer_due || vmx->timer_value != um_caps.timer_idle;
}

/* pause.c */
int um_exit_pause(struct um_vmx *vmx);
void um_yield_to_id(struct um_vmx *vmx, u64 id);

/* hypercall.c */
int um_exit_vmcall(struct um_vmx *vmx);
int um_exit_invalid_opcode(struct um_vmx *vmx);

/*
 * pml.c: interrupts off, in_guest set. um_pml_switch() before an entry, when
 * vm->pml is not pml_on; um_pml_drain() after an exit, when that is.
 */
void um_pml_switch(struct um_vmx *vmx);
void um_pml_drain(struct um_vmx *vmx);
int um_exit_pml_full(struct um_vmx *vmx);

/* ept.c */
int um_exit_ept_violation(struct um_vmx *vmx);
int um_exit_ept_misconfig(struct um_vmx *vmx);
int um_fault_outcome(struct um_vmx *vmx, const struct um_fault *f,
		     enum um_pf pf);
void um_tlb_flush(struct um_vmx *vmx, u64 owed);

/* apic_store.c */
bool um_apic_store(struct um_vmx *vmx, gpa_t gpa);

/* io.c */
int um_exit_io(struct um_vmx *vmx);

/* emul.c */
int um_emulate_mmio(struct um_vmx *vmx);

#endif
