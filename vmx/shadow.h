/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The two ways of a guest in a VM with the shadow engine (vmx->ctx): under EPT
 * while it has paging off, on shadow tables (vmx->shadow) while it has it on.
 *
 * What can be the same for both ways is, so that going from one to the other
 * changes little: CR0.WP, CR4.PAE and EFER.NXE are on, CR4.PGE and CR4.PCIDE
 * off, the PAT is that of RESET; page faults (of which there are none without
 * paging), INVLPG, INVPCID and MOV to and from CR3 exit.
 */
#ifndef _UMBRA_VMX_SHADOW_H
#define _UMBRA_VMX_SHADOW_H

#include <umbra/context.h>
#include "vcpu.h"

/* Processor-based controls of a VM with the shadow engine, beside um_caps. */
#define UM_SHADOW_CPU                                           \
	(CPU_BASED_INVLPG_EXITING | CPU_BASED_CR3_LOAD_EXITING | \
	 CPU_BASED_CR3_STORE_EXITING)

/* shadow.c */
/* vmx->ctx and its VPIDs, if the VM has the engine. Returns 0 or -ENOMEM. */
int um_engine_create(struct um_vmx *vmx);
void um_engine_destroy(struct um_vmx *vmx);
/*
 * Before an entry, interrupts on: choose the way, have a root to walk. Returns
 * UM_RESUME, 0 (ask again, after a look at what else is to do), or -errno.
 */
int um_engine_prepare(struct um_vmx *vmx);
/* Would that change nothing? Nearly always, after an exit. */
static inline bool um_engine_is_ready(const struct um_vmx *vmx)
{
	const struct um_context *ctx = vmx->ctx;

	if (vmx->paging_changed)
		return false;
	return !vmx->shadow ||
	       (um_context_is_ready(ctx) &&
		vmx->root == &ctx->root[ctx->cur] &&
		vmx->root_pa == vmx->root->hpa);
}

/*
 * The gpa of code at @linear, as the CPU itself finds it; @user: for CPL 3.
 * False: the guest's tables are to be asked.
 */
static inline bool um_engine_fetch(const struct um_vmx *vmx, u64 linear,
				   bool user, gpa_t *gpa)
{
	return vmx->shadow && !vmx->paging_changed &&
	       um_context_fetch(vmx->ctx, linear, user, gpa);
}

/* um_tlb_flush() on shadow tables. */
void um_engine_flush(struct um_vmx *vmx, u64 owed);

/* shadow_exit.c */
/* @info: of the interruption */
int um_exit_page_fault(struct um_vmx *vmx, u32 info);
int um_exit_invlpg(struct um_vmx *vmx);
int um_exit_invpcid(struct um_vmx *vmx);
/* The guest writes a page table of its own, which lies in @gfn. */
int um_engine_table_write(struct um_vmx *vmx, gfn_t gfn);

#endif
