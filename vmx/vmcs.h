/* SPDX-License-Identifier: GPL-2.0 */
/*
 * VMCS fields, read and written one typed instruction at a time, and the
 * other VMX instructions. Every one may meet #UD when the host has left VMX
 * operation for a reboot; the exception table turns that into a plain error.
 */
#ifndef _UMBRA_VMX_VMCS_H
#define _UMBRA_VMX_VMCS_H

#include <linux/types.h>
#include <asm/asm.h>
#include <asm/vmx.h>

struct um_vmcs {
	u32 revision;
	u32 abort;
	char data[];
};

/* An instruction failed: one WARN, unless VMX was torn down under us. */
void um_vmread_error(unsigned long field);
void um_vmwrite_error(unsigned long field, unsigned long value);

static __always_inline unsigned long vmcs_read(unsigned long field)
{
	unsigned long value = 0;
	bool fail = false;

	asm volatile("1: vmread %[field], %[value]\n\t"
		     "2:\n\t"
		     _ASM_EXTABLE(1b, 2b)
		     : [value] "+r" (value), "=@ccna" (fail)
		     : [field] "r" (field));
	if (unlikely(fail))
		um_vmread_error(field);
	return value;
}

static __always_inline void vmcs_write(unsigned long field, unsigned long value)
{
	asm goto("1: vmwrite %[value], %[field]\n\t"
		 "jna %l[fail]\n\t"
		 _ASM_EXTABLE(1b, %l[fail])
		 : : [field] "r" (field), [value] "rm" (value)
		 : "cc" : fail);
	return;
fail:
	um_vmwrite_error(field, value);
}

static inline void vmcs_set_bits(unsigned long field, u32 bits)
{
	vmcs_write(field, vmcs_read(field) | bits);
}

static inline void vmcs_clear_bits(unsigned long field, u32 bits)
{
	vmcs_write(field, vmcs_read(field) & ~(unsigned long)bits);
}

/* Returns false when the instruction failed or faulted. */
static inline bool um_vmclear(hpa_t pa)
{
	asm goto("1: vmclear %[pa]\n\t"
		 "jna %l[fail]\n\t"
		 _ASM_EXTABLE(1b, %l[fail])
		 : : [pa] "m" (pa) : "cc", "memory" : fail);
	return true;
fail:
	return false;
}

static inline bool um_vmptrld(hpa_t pa)
{
	asm goto("1: vmptrld %[pa]\n\t"
		 "jna %l[fail]\n\t"
		 _ASM_EXTABLE(1b, %l[fail])
		 : : [pa] "m" (pa) : "cc", "memory" : fail);
	return true;
fail:
	return false;
}

static inline bool um_vmxon(hpa_t pa)
{
	asm goto("1: vmxon %[pa]\n\t"
		 "jna %l[fail]\n\t"
		 _ASM_EXTABLE(1b, %l[fail])
		 : : [pa] "m" (pa) : "cc", "memory" : fail);
	return true;
fail:
	return false;
}

static inline bool um_vmxoff(void)
{
	asm goto("1: vmxoff\n\t"
		 "jna %l[fail]\n\t"
		 _ASM_EXTABLE(1b, %l[fail])
		 : : : "cc", "memory" : fail);
	return true;
fail:
	return false;
}

/* SDM, "INVEPT": all translations derived from @eptp on this CPU. */
static inline bool um_invept(u64 eptp)
{
	struct {
		u64 eptp, reserved;
	} desc = { eptp, 0 };

	asm goto("1: invept %[desc], %[type]\n\t"
		 "jna %l[fail]\n\t"
		 _ASM_EXTABLE(1b, %l[fail])
		 : : [desc] "m" (desc),
		     [type] "r" ((unsigned long)VMX_EPT_EXTENT_CONTEXT)
		 : "cc", "memory" : fail);
	return true;
fail:
	return false;
}

/* SDM, "INVVPID": all linear and combined translations of @vpid. */
static inline bool um_invvpid(u16 vpid)
{
	struct {
		u64 vpid, gva;
	} desc = { vpid, 0 };

	asm goto("1: invvpid %[desc], %[type]\n\t"
		 "jna %l[fail]\n\t"
		 _ASM_EXTABLE(1b, %l[fail])
		 : : [desc] "m" (desc),
		     [type] "r" ((unsigned long)VMX_VPID_EXTENT_SINGLE_CONTEXT)
		 : "cc", "memory" : fail);
	return true;
fail:
	return false;
}

#endif
