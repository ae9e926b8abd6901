/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The objects of core/: a VM and its vCPUs.
 */
#ifndef _UMBRA_VM_H
#define _UMBRA_VM_H

#include <linux/kvm.h>
#include <linux/mmu_notifier.h>
#include <linux/mutex.h>
#include <linux/preempt.h>
#include <linux/rcuwait.h>
#include <linux/refcount.h>
#include <linux/srcu.h>
#include <linux/xarray.h>
#include <umbra/mmu.h>
#include <umbra/ring.h>
#include <umbra/slot.h>

#define UM_SLOTS_MAX 32764
#define UM_VCPUS_MAX 64	   /* KVM_CAP_MAX_VCPUS */
#define UM_VCPU_IDS_MAX 256 /* KVM_CAP_MAX_VCPU_ID */
#define UM_CPUID_MAX 256
#define UM_CPUID_HOT 64	   /* leaves found without a search */
#define UM_STAT_NAME 48	   /* bytes of a name in the statistics file */
/*
 * The vCPU's mmap, as KVM: kvm_run and port data, its own; behind them the ring
 * of coalesced writes, the VM's.
 */
#define UM_RUN_PAGES 2
#define UM_MMAP_PAGES 3
#define UM_PIO_PAGE 1

/* What insmod chose; defined by main.c, const after load. */
struct um_params {
	bool shadow; /* engine of VM type 0 */
	enum um_fast_mode fast;
	enum um_log_mode log;
	bool pml;
	bool hugepages;
	enum um_rmap_mode rmap;
	enum um_ptw_mode ptw;
	bool audit;
	bool preemption_timer; /* for the guests' timers */
	unsigned int slice; /* microseconds; 0: no limit */
	unsigned int waiting; /* may change: for VMs made from then on */
};

extern struct um_params um_params;

/*
 * A slot in the order of host addresses. Slots may alias there, so end_max,
 * the greatest end so far, is what makes the array searchable.
 */
struct um_slot_hva {
	hva_t start;
	hva_t end_max;
	struct um_slot *slot;
};

/* The slots of a VM, copied on write; SRCU or RCU, written under slots_lock. */
struct um_slots {
	struct rcu_head rcu;
	struct um_slot *last; /* no later array has it: freed with this one */
	int n;
	/*
	 * Where the last two searches ended, for the guest's page tables and
	 * what they map may lie in two. Of by_gfn, or one that covers nothing.
	 */
	struct um_slot *hint[2];
	/*
	 * Taken out of the arrays, but leaves of it may still be mapped:
	 * guest faults do not find it, the MMU notifier does.
	 */
	struct um_slot *dying;
	struct um_slot_hva *by_hva; /* n of them */
	struct um_slot *by_gfn[];   /* n, sorted by base, disjoint */
};

struct um_vm {
	struct um_mmu mmu;
	struct mm_struct *mm;	/* the creator's; const */
	refcount_t users;	/* the VM fd, each vCPU fd, each stats fd */
	bool dead;		/* WRITE_ONCE once; then only -EIO */

	struct mutex slots_lock; /* memslots, dirty log */
	struct srcu_struct srcu;
	struct um_slots __rcu *slots; /* SRCU */
	struct xarray slot_ids;	      /* id -> slot; SRCU, as slots */
	u64 manual_protect;	      /* KVM_DIRTY_LOG_*; slots_lock */
	bool log_begun;		      /* a slot was logged; slots_lock */
	bool has_rmaps;		      /* all slots have; set once, slots_lock */
	u64 slot_pages;		      /* of all slots; slots_lock */
	u64 slot_tables;	      /* that map each of them; slots_lock */
	bool quota_set;		      /* by user space; slots_lock */

	u32 ring_bytes; /* of each vCPU's dirty ring, 0: no rings. Set once
			 * before any vCPU, under slots_lock and lock
			 */
	int nr_logged;	/* slots that are logged; slots_lock */
	bool pml;	/* vCPUs log by PML: one is, in that mode; each vCPU
			 * looks before its next entry (T2)
			 */
	struct mutex ring_lock; /* one RESET at a time; no vCPU takes it */
	u64 ring_reset;		/* entries, ever; ring_lock */

	struct mmu_notifier notifier;

	struct mutex lock; /* vCPU creation, tss_addr */
	struct um_vcpu *vcpu[UM_VCPUS_MAX]; /* published with release */
	int nr_vcpus;			    /* release after vcpu[] */
	u64 tss_addr;
	u32 max_vcpu_id;	    /* by user space, 0: it said none; lock */
	bool exit_on_unknown_insn;  /* of its user code, too; READ_ONCE */
	bool no_platform_info;	    /* the MSR is not the guest's; READ_ONCE */
	u64 quirks_off;		    /* KVM_X86_QUIRK_*; READ_ONCE */
	u32 exits_off; /* KVM_X86_DISABLE_EXITS_*: of vCPUs made since; lock */
	u32 x2apic_api;		    /* KVM_X2APIC_API_*; lock */
	u32 msr_exits; /* KVM_MSR_EXIT_REASON_* to tell user space; READ_ONCE */
	/* NULL: none was ever set; lock; read under RCU (msr_filter.h) */
	struct um_msr_filter __rcu *msr_filter;
	u64 tsc_offset; /* guest TSC = host TSC + this, for all vCPUs at birth */
	u32 boot_id;	/* of the vCPU that starts by itself; set before any */

	struct um_io *io;	    /* const */
	struct um_irqchip *irqchip; /* set once, before any vCPU: D6, D7 */

	char stat_id[UM_STAT_NAME];
	struct dentry *debugfs; /* or an error pointer; const */
};

struct um_vcpu_stat {
	struct um_fault_stat pf;
	u64 exits;
	u64 io_exits;
	u64 mmio_exits;
	u64 halt_exits;
	u64 timer_exits; /* of the VMX preemption timer */
	u64 signal_exits;
	u64 irq_exits;
	u64 nmi_exits;
	u64 irq_injections;
	u64 nmi_injections;
	u64 irq_window_exits;
	u64 nmi_window_exits;
	u64 request_irq_exits; /* KVM_EXIT_IRQ_WINDOW_OPEN */
	u64 cpuid_exits;
	u64 msr_exits;
	u64 cr_exits;
	u64 cr3_writes;	  /* of them; with shadow paging */
	u64 invlpg_exits; /* INVPCID among them */
	u64 insn_emulated;
	u64 tlb_flush; /* INVEPTs because a debt was seen or the CPU changed */
	u64 vmread;
	u64 vmwrite;
	u64 preempted;
	u64 ring_pushed;
	u64 ring_full_exits;
	u64 pml_logged;
	u64 pml_full_exits;
};

/* vcpu->in_guest: where between two exits, as others must know it. */
enum um_in_guest {
	UM_OUTSIDE,
	UM_LOOKING,  /* entering; um_event_look() is yet to look again */
	UM_IN_GUEST, /* entering, or in the guest: only an IPI is heard */
};

/*
 * Common part of a vCPU; vmx/ embeds it in its own struct. Fields without a
 * note are touched with vcpu->mutex held.
 */
struct um_vcpu {
	struct um_vm *vm;
	int id;			/* KVM's id; const */
	int idx;		/* index in vm->vcpu[]; const */
	u8 tag;			/* claim id 1..63, 0: none left; const */
	struct mutex mutex;	/* one ioctl at a time */
	struct kvm_run *run;	/* UM_RUN_PAGES pages, contiguous */
	void *pio_data;		/* the page at UM_PIO_PAGE */

	int cpu;		/* loaded on, -1: not; preempt notifier; set
				 * before in_guest, read by kicks after it
				 */
	u8 in_guest;		/* enum um_in_guest; see tlb.h, event.h; written
				 * by the vCPU with IRQs off, read by kicks
				 */
	bool attention;		/* an event may have come: see event.h; set by
				 * anybody, cleared by the vCPU's next entry
				 */
	int user_irq;		/* vector of KVM_INTERRUPT, or UM_NO_IRQ */
	struct um_lapic *apic;	/* NULL: none in the kernel; const */
	u64 timer_due;		/* the host's TSC when the local APIC's timer
				 * expires, 0: nothing to look for. Its own
				 * thread
				 */
	bool irq_work;		/* as attention, for um_irq_work() */
	bool apic_word;		/* the guest has one: irq/tpr.c */
	struct rcuwait wait;	/* in HLT; woken by um_vcpu_attend() */
	struct preempt_notifier preempt;
	struct um_ring ring;	/* see ring.h */

	sigset_t sigset;
	bool sigset_active;
	u32 mp_state;
	bool wants_to_run;	/* immediate_exit was 0 when KVM_RUN began */
	bool has_run;		/* CPUID may not change any more */
	bool pv_enforced;	/* of KVM's features those in CPUID only */

	int ncpuid;
	struct kvm_cpuid_entry2 *cpuid; /* UM_CPUID_MAX entries at most */
	/* By a hash of the leaf: its first entry, or one that matches none */
	const struct kvm_cpuid_entry2 *cpuid_hot[UM_CPUID_HOT];
	bool cpuid_osxsave;	/* guest CR4.OSXSAVE; set by vmx/ */
	s8 cpuid_mwait;		/* 1, -1: MONITOR by IA32_MISC_ENABLE, set by
				 * vmx/; 0: by the table
				 */
	u64 cpuid_xcr0;		/* guest XCR0; set by vmx/ */

	struct um_vcpu_stat stat;
	char stat_id[UM_STAT_NAME];
};

static inline struct um_vm *mmu_to_vm(struct um_mmu *mmu)
{
	return container_of(mmu, struct um_vm, mmu);
}

/* What KVM does wrong, or did, and clients rely on. */
static inline bool um_vm_has_quirk(const struct um_vm *vm, u64 quirk)
{
	return !(READ_ONCE(vm->quirks_off) & quirk);
}

/*
 * The vCPU that is loaded on this CPU: by its own thread, which sees it
 * wherever it runs, while others see NULL. Written with preemption off.
 */
DECLARE_PER_CPU(struct um_vcpu *, um_running);

static inline int um_vcpu_count(const struct um_vm *vm)
{
	/* C2: count before pointers. Pairs with C1 in vcpu_add(). */
	return smp_load_acquire(&vm->nr_vcpus);
}

#define um_for_each_vcpu(i, vcpu, vm)                            \
	for ((i) = 0; (i) < um_vcpu_count(vm) &&                 \
		      ((vcpu) = (vm)->vcpu[i], true); (i)++)

/*
 * core/dev.c: the device node. Returns 0, -ENOMEM, or what misc_register()
 * says (-EEXIST: the name is taken). Unregistering waits for what was left to
 * RCU; no VM lives then, because each file holds the module.
 */
int um_dev_register(const char *node);
void um_dev_unregister(void);

/*
 * um_log_choose() - the log mode of new VMs by its name in log=, when the CPU
 * is known. Returns -EINVAL for a name or a mode that there is not.
 */
int um_log_choose(const char *name);

/* core/vm.c */
void um_vm_get(struct um_vm *vm);
void um_vm_put(struct um_vm *vm);
/* Marks the VM dead and kicks its vCPUs, without waiting. Any context. */
void um_vm_kill(struct um_vm *vm);

/*
 * core/memslot.c, core/dirty_log.c
 *
 * um_slot_set() - KVM_SET_USER_MEMORY_REGION: addresses and size in bytes,
 * multiples of 4K. Returns 0, -EINVAL, -EEXIST (overlap), -ENOMEM; nothing
 * has changed unless 0. On return no vCPU reaches what was taken away.
 *
 * um_slot_dirty_log() - KVM_GET_DIRTY_LOG: one bit for a 4K page, from the
 * slot's first. Returns 0, -EINVAL (no such id), -ENOENT (no slot, or not
 * logged), -EFAULT; what could not be copied out stays dirty.
 *
 * um_slot_clear_log() - KVM_CLEAR_DIRTY_LOG: pages, from the slot's first. Takes
 * SRCU only. Returns 0, -EINVAL (no such id, or a range that is not of whole
 * words within the slot), -ENOENT, -EFAULT; then part of it may be done.
 *
 * All sleep; the others take slots_lock. um_slot_find() is for holders of SRCU, RCU
 * or slots_lock; NULL where there is no slot.
 */
int um_slot_set(struct um_vm *vm,
		const struct kvm_userspace_memory_region *mem);
int um_slot_dirty_log(struct um_vm *vm, struct kvm_dirty_log *log);
int um_slot_clear_log(struct um_vm *vm, const struct kvm_clear_dirty_log *log);
/* KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2: 0, or -EINVAL for unknown @flags. */
int um_slot_manual_protect(struct um_vm *vm, u64 flags);
/* UM_CAP_LOG_MODE: 0, -EINVAL or -EBUSY as told in the uapi header. */
int um_slot_log_mode(struct um_vm *vm, u64 mode);
/*
 * A vCPU is about to use shadow tables, the VM's first perhaps: give every slot
 * its reverse maps, and each that comes later. 0 or -ENOMEM.
 */
int um_slots_shadow(struct um_vm *vm);
struct um_slot *um_slot_search(struct um_slots *slots, gfn_t gfn);
static inline struct um_slot *um_slot_find(struct um_slots *slots, gfn_t gfn)
{
	struct um_slot *slot = READ_ONCE(slots->hint[0]);

	if (likely(um_slot_covers(slot, gfn)))
		return slot;
	slot = READ_ONCE(slots->hint[1]);
	if (likely(um_slot_covers(slot, gfn)))
		return slot;
	return um_slot_search(slots, gfn);
}

/*
 * um_dirty_log_gpas() - log the pages of @n addresses that the CPU noted, from
 * the last one to the first. Whatever lies in the page, or in no slot that is
 * logged, does not matter. The vCPU's own thread. core/dirty_log.c
 */
void um_dirty_log_gpas(struct um_vm *vm, const u64 *gpas, unsigned int n);

/*
 * core/dirty_ring.c
 *
 * um_dirty_ring_full() - must the vCPU go to user space before its next entry?
 * Then run->exit_reason is set. Cheap to ask first: vcpu->ring.full.
 *
 * um_dirty_ring_push() - the vCPU's own thread, before um_dirty_ring_full() is
 * asked again; any context.
 */
bool um_dirty_ring_full(struct um_vcpu *vcpu);
void um_dirty_ring_push(struct um_vcpu *vcpu, const struct um_slot *slot,
			gfn_t gfn);

/*
 * Guest memory by physical address, through the slots; marks dirty what it
 * writes. SRCU is taken inside. Return 0, or -EFAULT where there is no slot
 * (or a read-only one is written) or the VMM's memory cannot be reached:
 * callers tell MMIO from memory by um_guest_is_mmio().
 */
int um_guest_read(struct um_vm *vm, gpa_t gpa, void *data, unsigned int len);
int um_guest_write(struct um_vm *vm, gpa_t gpa, const void *data,
		   unsigned int len);
/*
 * Compare and exchange 1, 2, 4, 8 or 16 bytes (aligned, within one page) of
 * guest memory atomically. *old is what was expected, and gets what was
 * found. Returns 0 done, 1 differed, -EFAULT as above.
 */
int um_guest_cmpxchg(struct um_vm *vm, gpa_t gpa, void *old, const void *new,
		     unsigned int len);
/* No slot there, or (write) a read-only one. */
bool um_guest_is_mmio(struct um_vm *vm, gpa_t gpa, bool write);

/*
 * core/cpuid.c: what a guest sees; core/cpuid_supported.c: what it may see.
 * Return 0, -EFAULT, -E2BIG (more than UM_CPUID_MAX entries, or too few for
 * the answer), -ENOMEM; um_cpuid_set() also -EINVAL for a table that cannot
 * be, or another one than a vCPU that has run sees already.
 */
int um_cpuid_supported(struct kvm_cpuid2 __user *user);
void um_cpuid_init(struct um_vcpu *vcpu);
int um_cpuid_set(struct um_vcpu *vcpu, struct kvm_cpuid2 __user *user);
int um_cpuid_get(const struct um_vcpu *vcpu, struct kvm_cpuid2 __user *user);
const struct kvm_cpuid_entry2 *um_cpuid_find(const struct um_vcpu *vcpu,
					     u32 function, u32 index);
/* What CPUID returns, limits and out-of-range leaves as on Intel. */
void um_cpuid(const struct um_vcpu *vcpu, u32 *eax, u32 *ebx, u32 *ecx,
	      u32 *edx);
/* ECX of leaf 1 as the guest reads it now. */
u32 um_cpuid_ecx1(const struct um_vcpu *vcpu);
/* May the guest use KVM_FEATURE_@feature? Its CPUID is asked if that is enforced. */
bool um_cpuid_pv_allows(const struct um_vcpu *vcpu, int feature);

#endif
