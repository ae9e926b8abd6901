/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The block that entry.S reads and writes, with its offsets for assembly, and
 * the two steps around it.
 */
#ifndef _UMBRA_VMX_ENTRY_H
#define _UMBRA_VMX_ENTRY_H

#define ENTER_GPR(n) ((n) * 8)
#define ENTER_SPEC_CTRL 128
#define ENTER_HOST_RSP 136
#define ENTER_LAUNCHED 144

/*
 * No exit: the entry instruction itself failed. Like the reasons of entries
 * that failed later it has VMX_EXIT_REASONS_FAILED_VMENTRY, which no CPU sets
 * together with all the others.
 */
#define UM_NOT_ENTERED 0xffffffff

#ifndef __ASSEMBLY__
#include <linux/build_bug.h>
#include <linux/stddef.h>
#include <linux/types.h>

struct um_world {
	u64 gpr[16];	    /* rax rcx rdx rbx (rsp) rbp rsi rdi r8 .. r15 */
	u64 spec_ctrl;	    /* the guest's; none is offered, so 0 */
	unsigned long host_rsp; /* what HOST_RSP holds */
	u32 launched;	    /* bit 0: VMRESUME, else VMLAUNCH */
	u32 exit_reason;    /* or UM_NOT_ENTERED */
	u32 intr_info;	    /* of an exit for an exception or NMI only */
	unsigned long cr2;
};

static_assert(offsetof(struct um_world, spec_ctrl) == ENTER_SPEC_CTRL);
static_assert(offsetof(struct um_world, host_rsp) == ENTER_HOST_RSP);
static_assert(offsetof(struct um_world, launched) == ENTER_LAUNCHED);

/*
 * um_vmx_enter() - the instruction itself. Interrupts off, VMCS current, guest
 * context entered. Returns 0 after an exit, 1 when the entry failed.
 */
int um_vmx_enter(struct um_world *w);
/* Where the CPU lands after an exit: HOST_RIP. Not to be called. */
extern char um_vmx_exit_label[];
/* world.c: run the guest until its next exit. Interrupts off, VMCS current. */
void um_world_switch(struct um_world *w);
/* Close the stretch of guest time that um_world_switch() opened. */
void um_world_time_end(void);
/* Hand the NMI that ended the guest to the host's handler. */
void um_do_nmi(void);
#endif

#endif
