// SPDX-License-Identifier: GPL-2.0
/*
 * The guest's paging as registers: CR3 and the PDPTE registers, and all of it
 * together for a walk of the guest's tables.
 *
 * With EPT, CR3 and the PDPTEs are in the VMCS and the guest changes them by
 * itself. In a VM with the shadow engine MOV to and from CR3 exits and both are
 * in vmx->ctx, whichever way the guest runs at the moment: the CPU's CR3 is a
 * root of ours.
 */
#include <umbra/guest_walk.h>
#include <umbra/host.h>
#include "shadow.h"

unsigned long um_cr3_get(struct um_vmx *vmx)
{
	return vmx->ctx ? vmx->ctx->paging.cr3 : vmx_read(vmx, GUEST_CR3);
}

/* For user space; a guest's MOV is um_cr3_mov(). */
void um_cr3_write(struct um_vmx *vmx, unsigned long cr3)
{
	if (vmx->ctx)
		vmx->ctx->paging.cr3 = cr3;
	else
		vmx_write(vmx, GUEST_CR3, cr3);
}

static u64 pdpte_get(struct um_vmx *vmx, int i)
{
	return vmx->ctx ? vmx->ctx->paging.pdpte[i] :
			  vmx_read(vmx, GUEST_PDPTR0 + 2 * i);
}

static void pdpte_set(struct um_vmx *vmx, int i, u64 pdpte)
{
	if (vmx->ctx)
		vmx->ctx->paging.pdpte[i] = pdpte;
	else
		vmx_write(vmx, GUEST_PDPTR0 + 2 * i, pdpte);
}

/* SDM, "PDPTE Registers": what MOV to CR3 loads with PAE paging. */
static bool load_pdptes(struct um_vmx *vmx, unsigned long cr3)
{
	u64 pdpte[4];
	int i;

	if (um_guest_read(vmx->vcpu.vm, cr3 & GENMASK(31, 5), pdpte,
			  sizeof(pdpte)))
		return false;
	for (i = 0; i < 4; i++) {
		if (!um_guest_pdpte_is_valid(pdpte[i], vmx->maxphyaddr))
			return false;
	}
	for (i = 0; i < 4; i++)
		pdpte_set(vmx, i, pdpte[i]);
	return true;
}

/* As above, but not because of a new CR3. */
bool um_pdptrs_load(struct um_vmx *vmx, unsigned long cr3)
{
	if (!load_pdptes(vmx, cr3))
		return false;
	vmx->paging_changed |= !!vmx->ctx;
	return true;
}

bool um_is_pae(u64 cr0, u64 cr4, u64 efer)
{
	return (cr0 & X86_CR0_PG) && (cr4 & X86_CR4_PAE) &&
	       !(efer & EFER_LME);
}

/*
 * MOV to CR3, which exits in a VM with the shadow engine only. With PCIDs, bit
 * 63 says that what the TLB has of the PCID may stay, and is not stored. False:
 * #GP.
 */
bool um_cr3_mov(struct um_vmx *vmx, u64 cr3)
{
	bool keep = false;

	if (vmx->cr4 & X86_CR4_PCIDE) {
		keep = cr3 & BIT_ULL(63);
		cr3 &= ~BIT_ULL(63);
	}
	if ((vmx->efer & EFER_LMA) && cr3 >> vmx->maxphyaddr)
		return false;
	if (um_is_pae(vmx->cr0, vmx->cr4, vmx->efer) &&
	    !load_pdptes(vmx, cr3))
		return false;
	vmx->vcpu.stat.cr3_writes++;
	um_cr3_write(vmx, cr3);
	if (vmx->shadow)
		um_context_new_cr3(vmx->ctx, keep);
	return true;
}

static enum um_gpte_rc read_gpte(void *priv, u64 gpa, unsigned int size,
				 u64 *val)
{
	struct um_vmx *vmx = priv;

	*val = 0;
	/* It is there almost always; that look takes no SRCU. */
	if (um_host_read(&vmx->vcpu.vm->mmu, gpa, val, size) ||
	    !um_guest_read(vmx->vcpu.vm, gpa, val, size))
		return UM_GPTE_OK;
	return UM_GPTE_NOWHERE;
}

static enum um_gpte_rc cmpxchg_gpte(void *priv, u64 gpa, unsigned int size,
				    u64 old, u64 new)
{
	struct um_vmx *vmx = priv;
	int r;

	r = um_guest_cmpxchg(vmx->vcpu.vm, gpa, &old, &new, size);
	if (r >= 0)
		return r ? UM_GPTE_CHANGED : UM_GPTE_OK;
	return um_guest_is_mmio(vmx->vcpu.vm, gpa, true) ? UM_GPTE_READONLY :
							   UM_GPTE_NOWHERE;
}

void um_paging_read(struct um_vmx *vmx, struct um_guest_paging *p)
{
	int i;

	p->cr0 = um_cr0_get(vmx);
	p->cr3 = um_cr3_get(vmx);
	p->cr4 = um_cr4_get(vmx);
	p->efer = vmx->efer;
	p->rflags = vmx_read(vmx, GUEST_RFLAGS);
	for (i = 0; i < 4; i++)
		p->pdpte[i] = pdpte_get(vmx, i);
	p->maxphyaddr = vmx->maxphyaddr;
	p->no_gbpages = !vmx->has_gbpages;
	p->read_gpte = read_gpte;
	p->cmpxchg_gpte = cmpxchg_gpte;
	p->priv = vmx;
}
