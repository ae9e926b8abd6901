// SPDX-License-Identifier: GPL-2.0
/*
 * Stores to the local APIC's page without the emulator. Nearly all are one
 * kind: a register or a constant, 32 bits of it, by MOV in 64-bit code. Where
 * the operand leads is known, from the CPU or from the fault's walk; so no more
 * is needed than the value and the length, both from the instruction's bytes.
 */
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/string.h>
#include <umbra/irq.h>
#include "shadow.h"

struct store {
	u8 bytes[UM_EMUL_INSN_MAX];
	u8 have, len;
	u32 value;
};

/* Where the code at @rip is. */
static bool find(struct um_vmx *vmx, u64 rip, gpa_t *gpa)
{
	bool user = VMX_AR_DPL(vmx_read(vmx, GUEST_SS_AR_BYTES)) == 3;
	struct um_guest_paging paging;
	struct um_guest_walk walk;

	if (um_engine_fetch(vmx, rip, user, gpa))
		return true;
	um_paging_read(vmx, &paging);
	if (um_guest_walk(&paging, rip,
			  user ? UM_WALK_FETCH | UM_WALK_USER : UM_WALK_FETCH,
			  &walk) != UM_WALK_OK)
		return false;
	*gpa = walk.gpa;
	return true;
}

/* The bytes at RIP, as far as they lie in one page. */
static bool fetch(struct um_vmx *vmx, u64 rip, struct store *s)
{
	gpa_t gpa;

	if (!find(vmx, rip, &gpa))
		return false;
	s->have = min_t(u64, sizeof(s->bytes),
			PAGE_SIZE - offset_in_page(rip));
	return !um_guest_read(vmx->vcpu.vm, gpa, s->bytes, s->have);
}

/* How long ModRM, SIB and displacement are; 0: no memory. */
static u8 operand_len(const u8 *modrm)
{
	u8 mod = modrm[0] >> 6, rm = modrm[0] & 7, len = 1;

	if (mod == 3)
		return 0;
	if (rm == 4) {
		len++;
		if (!mod && (modrm[1] & 7) == 5)
			len += 4;
	}
	if (mod == 1)
		len++;
	else if (mod == 2 || (!mod && rm == 5))
		len += 4;
	return len;
}

/* MOV r32 or imm32 to memory, with no prefix but REX; SDM, volume 2. */
static bool decode(struct um_vmx *vmx, struct store *s)
{
	u8 rex = (s->bytes[0] & 0xf0) == 0x40 ? s->bytes[0] : 0;
	const u8 *op = s->bytes + !!rex;
	u8 operand = operand_len(op + 1);

	if (rex & 8 || !operand)
		return false;
	s->len = !!rex + 1 + operand;
	if (op[0] == 0x89) {
		s->value = um_gpr_get(vmx, (op[1] >> 3 & 7) | (rex & 4) << 1);
	} else if (op[0] == 0xc7 && !(op[1] >> 3 & 7)) {
		memcpy(&s->value, s->bytes + s->len, sizeof(s->value));
		s->len += 4;
	} else {
		return false;
	}
	return s->len <= s->have;
}

/*
 * The guest writes @gpa, where no slot is, by an operand of its own. True: the
 * instruction is done; false: nothing is.
 */
bool um_apic_store(struct um_vmx *vmx, gpa_t gpa)
{
	struct store s;
	u64 rip;

	if (!vmx->vcpu.apic || vmx->idt_vectoring ||
	    (gpa ^ um_apic_base(&vmx->vcpu)) & PAGE_MASK ||
	    gpa % sizeof(s.value) || !um_in_64bit(vmx))
		return false;
	memset(&s, 0, sizeof(s));
	rip = vmx_read(vmx, GUEST_RIP);
	vmx->l1d_dirty = true;
	if (!fetch(vmx, rip, &s) || !decode(vmx, &s))
		return false;
	vmx->vcpu.stat.insn_emulated++;
	vmx->mmio.rip = rip;
	vmx->mmio.nread = 0;
	um_skip_len(vmx, s.len);
	um_bus_write(&vmx->vcpu, UM_BUS_MMIO, gpa, sizeof(s.value), &s.value);
	return true;
}
