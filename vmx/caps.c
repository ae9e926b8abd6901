// SPDX-License-Identifier: GPL-2.0
/*
 * What the CPU's VMX can do, read once from the capability MSRs (SDM,
 * appendix "VMX Capability Reporting Facility") and compared on every CPU.
 * Everything the rest of vmx/ puts in a control field comes from here.
 */
#include <linux/cpufeature.h>
#include <linux/printk.h>
#include <asm/msr.h>
#include <asm/tsc.h>
#include <umbra/vm.h>
#include "vcpu.h"

struct um_vmx_caps um_caps;

#define PIN_NEED                                                           \
	(PIN_BASED_EXT_INTR_MASK | PIN_BASED_NMI_EXITING |                 \
	 PIN_BASED_VIRTUAL_NMIS)

#define CPU_NEED                                                           \
	(CPU_BASED_HLT_EXITING | CPU_BASED_USE_TSC_OFFSETTING |            \
	 CPU_BASED_MWAIT_EXITING | CPU_BASED_MONITOR_EXITING |             \
	 CPU_BASED_RDPMC_EXITING | CPU_BASED_MOV_DR_EXITING |              \
	 CPU_BASED_UNCOND_IO_EXITING | CPU_BASED_USE_MSR_BITMAPS |         \
	 CPU_BASED_CR8_LOAD_EXITING | CPU_BASED_CR8_STORE_EXITING |        \
	 CPU_BASED_ACTIVATE_SECONDARY_CONTROLS)

/* On while an event waits for the guest. */
#define CPU_AT_TIMES                                                       \
	(CPU_BASED_INTR_WINDOW_EXITING | CPU_BASED_NMI_WINDOW_EXITING)

#define CPU2_NEED                                                          \
	(SECONDARY_EXEC_ENABLE_EPT | SECONDARY_EXEC_UNRESTRICTED_GUEST |   \
	 SECONDARY_EXEC_ENABLE_VPID)
#define CPU2_WANT                                                          \
	(SECONDARY_EXEC_WBINVD_EXITING | SECONDARY_EXEC_ENABLE_RDTSCP |    \
	 SECONDARY_EXEC_PAUSE_LOOP_EXITING | SECONDARY_EXEC_ENABLE_INVPCID)

/*
 * Never: with these the CPU would read what spte.h uses in an entry. Bit 10
 * is mode-based execute control's, 61 sub-page write permission's, 63 is #VE's;
 * 57 and 58 belong to tertiary controls, 60 to a bit of the EPTP that
 * um_mmu_eptp() leaves clear.
 */
#define CPU_NEVER CPU_BASED_ACTIVATE_TERTIARY_CONTROLS
#define CPU2_NEVER                                                         \
	(SECONDARY_EXEC_MODE_BASED_EPT_EXEC |                              \
	 VMCS_CONTROL_BIT(EPT_VIOLATION_VE) | CPU2_SUB_PAGE)
#define CPU2_SUB_PAGE BIT(23)

static_assert(!(CPU_NEED & CPU_NEVER));
static_assert(!((CPU2_NEED | CPU2_WANT) & CPU2_NEVER));

#define EXIT_NEED                                                          \
	(VM_EXIT_HOST_ADDR_SPACE_SIZE | VM_EXIT_SAVE_DEBUG_CONTROLS |      \
	 VM_EXIT_LOAD_IA32_EFER | VM_EXIT_SAVE_IA32_EFER |                 \
	 VM_EXIT_LOAD_IA32_PAT | VM_EXIT_SAVE_IA32_PAT)
#define ENTRY_NEED                                                         \
	(VM_ENTRY_LOAD_DEBUG_CONTROLS | VM_ENTRY_LOAD_IA32_EFER |          \
	 VM_ENTRY_LOAD_IA32_PAT)

#define EPT_NEED                                                           \
	(VMX_EPT_PAGE_WALK_4_BIT | VMX_EPTP_WB_BIT | VMX_EPT_INVEPT_BIT |  \
	 VMX_EPT_EXTENT_CONTEXT_BIT | VMX_EPT_EXTENT_GLOBAL_BIT)
#define VPID_NEED                                                          \
	(VMX_VPID_INVVPID_BIT | VMX_VPID_EXTENT_SINGLE_CONTEXT_BIT)

/* One required bit, and how to call it when it is missing. */
struct need {
	u32 bit;
	const char *name;
};

static const struct need cpu2_names[] = {
	{ SECONDARY_EXEC_ENABLE_EPT, "EPT" },
	{ SECONDARY_EXEC_UNRESTRICTED_GUEST, "unrestricted guest" },
	{ SECONDARY_EXEC_ENABLE_VPID, "VPID" },
};

static const struct need ept_names[] = {
	{ VMX_EPT_PAGE_WALK_4_BIT, "EPT with a 4-level walk" },
	{ VMX_EPTP_WB_BIT, "EPT tables in write-back memory" },
	{ VMX_EPT_INVEPT_BIT, "INVEPT" },
	{ VMX_EPT_EXTENT_CONTEXT_BIT, "single-context INVEPT" },
	{ VMX_EPT_EXTENT_GLOBAL_BIT, "all-context INVEPT" },
};

int um_caps_refuse(const char *what)
{
	pr_err("CPU %d lacks %s\n", raw_smp_processor_id(), what);
	return -ENODEV;
}

static int need_all(u32 have, const struct need *list, int n)
{
	int i;

	for (i = 0; i < n; i++) {
		if (!(have & list[i].bit))
			return um_caps_refuse(list[i].name);
	}
	return 0;
}

/*
 * A control field: bits that must be 1 or @need, and those of @want that may
 * be 1. Returns false when one of @need may not.
 */
static bool control(u32 msr, u32 need, u32 want, u32 *result)
{
	u32 must, may;

	rdmsr(msr, must, may);
	*result = (need | want | must) & may;
	return !(need & ~*result);
}

static int check_base(void)
{
	u64 lock;

	if (!boot_cpu_has(X86_FEATURE_VMX) || !(cpuid_ecx(1) & BIT(5)))
		return um_caps_refuse("VMX");
	rdmsrl(MSR_IA32_FEAT_CTL, lock);
	if ((lock & FEAT_CTL_LOCKED) &&
	    !(lock & FEAT_CTL_VMX_ENABLED_OUTSIDE_SMX))
		return um_caps_refuse("VMX outside SMX (the BIOS turned it off)");
	if (!(lock & FEAT_CTL_LOCKED))
		return um_caps_refuse("a locked feature-control MSR");
	return 0;
}

static int read_basic(struct um_vmx_caps *c)
{
	u64 basic;

	rdmsrl(MSR_IA32_VMX_BASIC, basic);
	c->revision = basic & GENMASK(30, 0);
	c->vmcs_size = (basic >> 32) & GENMASK(12, 0);
	if (c->vmcs_size > PAGE_SIZE)
		return um_caps_refuse("a VMCS that fits a page");
	if (((basic >> 50) & 0xf) != 6)
		return um_caps_refuse("write-back VMCS memory");
	if (!(basic & BIT_ULL(54)))
		return um_caps_refuse("exit information for INS and OUTS");
	if (!(basic & BIT_ULL(55)))
		return um_caps_refuse("true VMX control MSRs");
	return 0;
}

/*
 * Whose timer does not count at the TSC's pace: "VMX-Preemption Timer Does Not
 * Count Down at the Rate Specified" in Intel's specification updates, of
 * those that have all else.
 */
static bool timer_is_broken(void)
{
	static const u32 signatures[] = { 0x20652, 0x20655, 0x306a8 };
	u32 mine = cpuid_eax(1) & 0x0fff3fff;
	int i;

	for (i = 0; i < ARRAY_SIZE(signatures); i++) {
		if (mine == signatures[i])
			return true;
	}
	return false;
}

/* The timer counts down by 1 in 2^n ticks of the TSC. */
static void read_timer(struct um_vmx_caps *c)
{
	u64 misc, slice = (u64)um_params.slice * tsc_khz / 1000;

	c->has_timer = c->pin & PIN_BASED_VMX_PREEMPTION_TIMER &&
		       um_params.preemption_timer && !timer_is_broken();
	if (!c->has_timer && !slice)
		c->pin &= ~PIN_BASED_VMX_PREEMPTION_TIMER;
	rdmsrl(MSR_IA32_VMX_MISC, misc);
	c->timer_shift = misc & 0x1f;
	c->timer_idle = slice ? clamp_t(u64, slice >> c->timer_shift, 1,
					U32_MAX) : U32_MAX;
}

static int read_pin(struct um_vmx_caps *c)
{
	u32 need = PIN_NEED;

	if (um_params.slice)
		need |= PIN_BASED_VMX_PREEMPTION_TIMER;
	if (!control(MSR_IA32_VMX_TRUE_PINBASED_CTLS, need,
		     PIN_BASED_VMX_PREEMPTION_TIMER, &c->pin))
		return um_caps_refuse(um_params.slice ?
			"what slice= wants, interrupt and NMI exiting, or virtual NMIs" :
			"interrupt and NMI exiting, or virtual NMIs");
	read_timer(c);
	return 0;
}

static int read_controls(struct um_vmx_caps *c)
{
	u64 cpu2;
	int err;

	err = read_pin(c);
	if (err)
		return err;
	if (!control(MSR_IA32_VMX_TRUE_PROCBASED_CTLS, CPU_NEED | CPU_AT_TIMES,
		     CPU_BASED_TPR_SHADOW, &c->cpu))
		return um_caps_refuse("a processor-based control");
	c->has_tpr_shadow = c->cpu & CPU_BASED_TPR_SHADOW;
	c->cpu &= ~(CPU_AT_TIMES | CPU_BASED_TPR_SHADOW);
	rdmsrl(MSR_IA32_VMX_PROCBASED_CTLS2, cpu2);
	err = need_all(cpu2 >> 32, cpu2_names, ARRAY_SIZE(cpu2_names));
	if (err)
		return err;
	if (!control(MSR_IA32_VMX_PROCBASED_CTLS2, CPU2_NEED, CPU2_WANT,
		     &c->cpu2))
		return um_caps_refuse("a secondary control");
	if (!control(MSR_IA32_VMX_TRUE_EXIT_CTLS, EXIT_NEED, 0, &c->exit) ||
	    !control(MSR_IA32_VMX_TRUE_ENTRY_CTLS, ENTRY_NEED, 0, &c->entry))
		return um_caps_refuse("EFER and PAT switching at VM entry");
	c->has_ple = c->cpu2 & SECONDARY_EXEC_PAUSE_LOOP_EXITING;
	c->has_rdtscp = c->cpu2 & SECONDARY_EXEC_ENABLE_RDTSCP;
	return 0;
}

/* The log lists what sets a dirty flag. */
static bool has_pml(const struct um_mmu_caps *mmu)
{
	u64 cpu2;

	rdmsrl(MSR_IA32_VMX_PROCBASED_CTLS2, cpu2);
	return mmu->ad && cpu2 >> 32 & SECONDARY_EXEC_ENABLE_PML;
}

static int read_ept(struct um_mmu_caps *mmu)
{
	u32 ept, vpid;
	int err;

	rdmsr(MSR_IA32_VMX_EPT_VPID_CAP, ept, vpid);
	err = need_all(ept, ept_names, ARRAY_SIZE(ept_names));
	if (err)
		return err;
	if ((vpid & VPID_NEED) != VPID_NEED)
		return um_caps_refuse("single-context INVVPID");
	mmu->ad = ept & VMX_EPT_AD_BIT;
	mmu->pml = has_pml(mmu);
	mmu->huge2m = ept & VMX_EPT_2MB_PAGE_BIT;
	mmu->huge1g = ept & VMX_EPT_1GB_PAGE_BIT;
	mmu->maxphyaddr = boot_cpu_data.x86_phys_bits;
	return 0;
}

static int read_all(struct um_vmx_caps *c)
{
	int err;

	memset(c, 0, sizeof(*c));
	err = check_base();
	if (!err)
		err = read_basic(c);
	if (!err)
		err = read_controls(c);
	if (!err)
		err = read_ept(&c->mmu);
	return err;
}

int um_caps_init(void)
{
#ifdef X86_FEATURE_FRED
	if (cpu_feature_enabled(X86_FEATURE_FRED)) {
		pr_err("this host takes events by FRED, which umbra cannot re-inject\n");
		return -ENODEV;
	}
#endif
	return read_all(&um_caps);
}

int um_caps_check_cpu(void)
{
	struct um_vmx_caps mine;
	int err = read_all(&mine);

	if (!err && memcmp(&mine, &um_caps, sizeof(mine)))
		err = um_caps_refuse("the VMX features of the first CPU");
	return err;
}
