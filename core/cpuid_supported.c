// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_GET_SUPPORTED_CPUID: what this host and umbra can give to a guest.
 *
 * A feature is offered when the CPU has it, the host kernel did not turn it
 * off, and umbra does what it needs: offer little, and mean it. There is no
 * VMX, MONITOR, PMU, MCE, PKU, no supervisor states; of KVM's own features
 * those that need no memory of the guest's.
 */
#include "internal.h"

#include <linux/slab.h>
#include <linux/uaccess.h>
#include <asm/cpufeature.h>
#include <asm/fpu/types.h>
#include <asm/fpu/xcr.h>
#include <asm/kvm_para.h>
#include <asm/processor.h>
#include <umbra/vmx.h>

#define GPA_BITS_MAX 48
#define GVA_BITS 48
#define GVA_BITS_LA57 57
#define LEAF4_MAX 8 /* caches; a CPU has four */

#define BASIC_MAX 0xd
#define EXT_MAX 0x80000008u

#define XSAVE_LEGACY 576 /* bytes: legacy region and header */

#define F(name) BIT(X86_FEATURE_##name & 31)

#define XCR0_AVX512                                     \
	(XFEATURE_MASK_OPMASK | XFEATURE_MASK_ZMM_Hi256 | \
	 XFEATURE_MASK_Hi16_ZMM)

/* Instructions that are no use without the registers in XCR0. */
#define F1C_AVX (F(AVX) | F(FMA) | F(F16C))
#define F7B_AVX512                                                    \
	(F(AVX512F) | F(AVX512DQ) | F(AVX512IFMA) | F(AVX512CD) |     \
	 F(AVX512BW) | F(AVX512VL))
#define F7C_AVX (F(VAES) | F(VPCLMULQDQ))
#define F7C_AVX512                                                    \
	(F(AVX512VBMI) | F(AVX512_VBMI2) | F(AVX512_VNNI) |           \
	 F(AVX512_BITALG) | F(AVX512_VPOPCNTDQ))
#define F7D_AVX512 (F(AVX512_4VNNIW) | F(AVX512_4FMAPS))

#define F1D                                                           \
	(F(FPU) | F(VME) | F(DE) | F(PSE) | F(TSC) | F(MSR) | F(PAE) | \
	 F(CX8) | F(APIC) | F(SEP) | F(MTRR) | F(PGE) | F(CMOV) |     \
	 F(PAT) | F(PSE36) | F(CLFLUSH) | F(MMX) | F(FXSR) | F(XMM) | \
	 F(XMM2) | F(SELFSNOOP))
#define F1C                                                           \
	(F(XMM3) | F(PCLMULQDQ) | F(SSSE3) | F(CX16) | F(XMM4_1) |    \
	 F(XMM4_2) | F(MOVBE) | F(POPCNT) | F(AES) | F(XSAVE) |       \
	 F(PCID) | F(RDRAND) | F1C_AVX)
#define F7B                                                           \
	(F(FSGSBASE) | F(TSC_ADJUST) | F(BMI1) | F(AVX2) | F(SMEP) | F(BMI2) |        \
	 F(ERMS) | F(RDSEED) | F(ADX) | F(SMAP) | F(CLFLUSHOPT) |     \
	 F(CLWB) | F(SHA_NI) | F(INVPCID) | F7B_AVX512)
#define F7C (F(GFNI) | F(RDPID) | F7C_AVX | F7C_AVX512)
#define F7D (F(FSRM) | F(MD_CLEAR) | F7D_AVX512)
#define FXD                                                           \
	(F(SYSCALL) | F(NX) | F(GBPAGES) | F(RDTSCP) | F(LM))
#define FXC (F(LAHF_LM) | F(ABM) | F(3DNOWPREFETCH))
/* Port I/O needs no pause behind it; a vCPU may give its CPU to another. */
#define FKVM (BIT(KVM_FEATURE_NOP_IO_DELAY) | BIT(KVM_FEATURE_PV_SCHED_YIELD))

struct table {
	int n;
	u64 xcr0;
	struct kvm_cpuid_entry2 entry[UM_CPUID_MAX];
};

/* @raw, less what umbra does not do and what the kernel turned off. */
static u32 offer(u32 raw, enum cpuid_leafs word, u32 mask)
{
	return raw & mask & boot_cpu_data.x86_capability[word];
}

static struct kvm_cpuid_entry2 *add(struct table *t, u32 function, u32 index,
				    u32 flags)
{
	struct kvm_cpuid_entry2 *e = &t->entry[t->n++];

	e->function = function;
	e->index = index;
	e->flags = flags;
	cpuid_count(function, index, &e->eax, &e->ebx, &e->ecx, &e->edx);
	return e;
}

static struct kvm_cpuid_entry2 *add_leaf(struct table *t, u32 function)
{
	return add(t, function, 0, 0);
}

static struct kvm_cpuid_entry2 *add_sub(struct table *t, u32 function,
					u32 index)
{
	return add(t, function, index, KVM_CPUID_FLAG_SIGNIFCANT_INDEX);
}

/* XCR0 that a guest may set. */
static u64 guest_xcr0(void)
{
	u64 xcr0;

	if (!boot_cpu_has(X86_FEATURE_XSAVE))
		return 0;
	xcr0 = xgetbv(XCR_XFEATURE_ENABLED_MASK) &
	       (XFEATURE_MASK_FPSSE | XFEATURE_MASK_YMM | XCR0_AVX512);
	if (!(xcr0 & XFEATURE_MASK_YMM) ||
	    (xcr0 & XCR0_AVX512) != XCR0_AVX512)
		xcr0 &= ~XCR0_AVX512;
	return xcr0;
}

static void add_features(struct table *t)
{
	struct kvm_cpuid_entry2 *e = add_leaf(t, 1);

	e->ebx &= 0xff00; /* CLFLUSH line; APIC id and count are the VMM's */
	/* Local APICs in the kernel have it, whatever the host's has. */
	e->ecx = offer(e->ecx, CPUID_1_ECX, F1C) | F(X2APIC);
	e->edx = offer(e->edx, CPUID_1_EDX, F1D);
	if (!t->xcr0)
		e->ecx &= ~F(XSAVE);
	if (!(t->xcr0 & XFEATURE_MASK_YMM))
		e->ecx &= ~F1C_AVX;
}

/*
 * Asked of the device, so before there is a VM: go by the engine of type 0. A
 * VMM that makes a VM of another type knows what that can.
 */
static bool has_la57(void)
{
	return um_params.shadow && um_vmx_has_la57();
}

static void add_features7(struct table *t)
{
	struct kvm_cpuid_entry2 *e = add_sub(t, 7, 0);

	e->eax = 0;
	e->ebx = offer(e->ebx, CPUID_7_0_EBX, F7B);
	e->ecx = offer(e->ecx, CPUID_7_ECX, F7C) | (has_la57() ? F(LA57) : 0);
	e->edx = offer(e->edx, CPUID_7_EDX, F7D);
	if (!um_vmx_has_invpcid())
		e->ebx &= ~F(INVPCID);
	if (!(t->xcr0 & XFEATURE_MASK_YMM)) {
		e->ebx &= ~F(AVX2);
		e->ecx &= ~F7C_AVX;
	}
	if (!(t->xcr0 & XCR0_AVX512)) {
		e->ebx &= ~F7B_AVX512;
		e->ecx &= ~F7C_AVX512;
		e->edx &= ~F7D_AVX512;
	}
}

static void add_caches(struct table *t)
{
	struct kvm_cpuid_entry2 *e;
	int i = 0;

	do {
		e = add_sub(t, 4, i++);
	} while (e->eax & 0x1f && i < LEAF4_MAX);
}

/* One entry per state, and in entry 0 the room that all of them take. */
static void add_xsave(struct table *t)
{
	struct kvm_cpuid_entry2 *zero, *e;
	int i;

	if (!t->xcr0)
		return;
	zero = add_sub(t, 0xd, 0);
	zero->eax = t->xcr0;
	zero->edx = t->xcr0 >> 32;
	zero->ebx = XSAVE_LEGACY;
	e = add_sub(t, 0xd, 1);
	e->eax = offer(e->eax, CPUID_D_1_EAX, F(XSAVEOPT) | F(XGETBV1));
	e->ebx = 0;
	e->ecx = 0;
	e->edx = 0;
	for (i = 2; i < 63; i++) {
		if (!(t->xcr0 & BIT_ULL(i)))
			continue;
		e = add_sub(t, 0xd, i);
		e->ecx = 0;
		e->edx = 0;
		zero->ebx = max(zero->ebx, e->eax + e->ebx);
	}
	zero->ecx = zero->ebx;
}

static void add_extended(struct table *t)
{
	struct kvm_cpuid_entry2 *e = add_leaf(t, 0x80000000);
	u32 i, last = min(e->eax, EXT_MAX);

	e->eax = last;
	for (i = 0x80000001; i <= last; i++) {
		e = add_leaf(t, i);
		switch (i) {
		case 0x80000001:
			e->ecx = offer(e->ecx, CPUID_8000_0001_ECX, FXC);
			e->edx = offer(e->edx, CPUID_8000_0001_EDX, FXD);
			break;
		case 0x80000007:
			/* Only that the TSC never stops nor changes pace. */
			e->eax = 0;
			e->ebx = 0;
			e->ecx = 0;
			e->edx &= boot_cpu_data.x86_power & BIT(8);
			break;
		case 0x80000008:
			e->eax = min_t(u32, boot_cpu_data.x86_phys_bits,
				       GPA_BITS_MAX) |
				 (has_la57() ? GVA_BITS_LA57 : GVA_BITS) << 8;
			e->ebx = 0;
			e->ecx = 0;
			e->edx = 0;
			break;
		}
	}
}

/* The name that guests know KVM's ABI by, and what there is of it. */
static void add_kvm(struct table *t)
{
	struct kvm_cpuid_entry2 *e = add_leaf(t, KVM_CPUID_SIGNATURE);
	u32 name[3] = {};

	memcpy(name, KVM_SIGNATURE, sizeof(KVM_SIGNATURE) - 1);
	e->eax = KVM_CPUID_FEATURES;
	e->ebx = name[0];
	e->ecx = name[1];
	e->edx = name[2];
	e = add_leaf(t, KVM_CPUID_FEATURES);
	e->eax = FKVM;
	e->ebx = 0;
	e->ecx = 0;
	e->edx = 0;
}

static void fill(struct table *t)
{
	struct kvm_cpuid_entry2 *e;
	u32 last;

	t->xcr0 = guest_xcr0();
	e = add_leaf(t, 0);
	last = min_t(u32, e->eax, BASIC_MAX);
	e->eax = last;
	add_features(t);
	if (last >= 2)
		add_leaf(t, 2);
	if (last >= 4)
		add_caches(t);
	if (last >= 7)
		add_features7(t);
	if (last >= 0xd)
		add_xsave(t);
	add_extended(t);
	add_kvm(t);
}

int um_cpuid_supported(struct kvm_cpuid2 __user *user)
{
	struct kvm_cpuid2 cpuid;
	struct table *t;
	int r = 0;

	if (copy_from_user(&cpuid, user, sizeof(cpuid)))
		return -EFAULT;
	if (cpuid.nent < 1)
		return -E2BIG;
	t = kvzalloc(sizeof(*t), GFP_KERNEL);
	if (!t)
		return -ENOMEM;
	fill(t);
	if (cpuid.nent < t->n) {
		r = -E2BIG;
	} else {
		cpuid.nent = t->n;
		if (copy_to_user(user->entries, t->entry,
				 t->n * sizeof(*t->entry)) ||
		    copy_to_user(user, &cpuid, sizeof(cpuid)))
			r = -EFAULT;
	}
	kvfree(t);
	return r;
}
