/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One instruction of a vCPU in software: the emulator's context on this
 * vCPU's registers and memory.
 */
#ifndef _UMBRA_VMX_EMUL_H
#define _UMBRA_VMX_EMUL_H

#include <umbra/emulate.h>
#include <umbra/guest_walk.h>
#include "vcpu.h"

struct um_soft {
	struct um_emul_ctx ctx;
	struct um_emul_regs regs;
	struct um_guest_paging paging;
	bool committed; /* regs must go back to the vCPU */
};

/* Copy the vCPU's registers into @e. */
void um_soft_begin(struct um_vmx *vmx, struct um_soft *e);
/* Write back, inject, or go to user space, as @res asks. A handler's word. */
int um_soft_end(struct um_vmx *vmx, struct um_soft *e,
		enum um_emul_result res);

#endif
