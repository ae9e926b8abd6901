// SPDX-License-Identifier: GPL-2.0
/*
 * Port I/O. The access is done by user space (KVM_EXIT_IO); the instruction
 * is finished at the next KVM_RUN, so that what user space sees in between is
 * the guest before it.
 */
#include <linux/string.h>
#include <umbra/irq.h>
#include "vcpu.h"
#include "emul.h"

/* SDM, "Exit Qualification for I/O Instructions" */
#define IO_SIZE(q) (((q) & 7) + 1)
#define IO_IN BIT(3)
#define IO_STRING BIT(4)
#define IO_REP BIT(5)
#define IO_PORT(q) ((u16)((q) >> 16))

/* QEMU finds the instruction to patch by the RIP behind it. */
#define VAPIC_PORT 0x7e

static int io_to_user(struct um_vmx *vmx, u32 count,
		      int (*complete)(struct um_vmx *vmx))
{
	struct kvm_run *run = vmx->vcpu.run;

	run->exit_reason = KVM_EXIT_IO;
	run->io.direction = vmx->pio.in ? KVM_EXIT_IO_IN : KVM_EXIT_IO_OUT;
	run->io.size = vmx->pio.size;
	run->io.port = vmx->pio.port;
	run->io.count = count;
	run->io.data_offset = UM_PIO_PAGE * PAGE_SIZE;
	vmx->pio.count = count;
	vmx->complete = complete;
	return UM_USER;
}

/* User space may have moved the guest elsewhere while it had it. */
static bool has_moved(struct um_vmx *vmx)
{
	return vmx_read(vmx, GUEST_RIP) != vmx->pio.rip;
}

static int complete_out(struct um_vmx *vmx)
{
	if (!has_moved(vmx))
		um_skip_len(vmx, vmx->pio.insn_len);
	return UM_RESUME;
}

static int complete_in(struct um_vmx *vmx)
{
	u64 *rax = &vmx->world.gpr[UM_RAX];

	if (has_moved(vmx))
		return UM_RESUME;
	/* A 32-bit result clears the upper half, smaller ones keep it. */
	if (vmx->pio.size == 4)
		*rax = 0;
	memcpy(rax, vmx->vcpu.pio_data, vmx->pio.size);
	um_skip_len(vmx, vmx->pio.insn_len);
	return UM_RESUME;
}

/* SDM, "VM-Exit Instruction-Information Field as Used for INS and OUTS" */
static struct um_emul_pio describe(struct um_vmx *vmx, unsigned long qual)
{
	u32 info = vmx_read(vmx, VMX_INSTRUCTION_INFO);

	return (struct um_emul_pio){
		.in = qual & IO_IN,
		.rep = qual & IO_REP,
		.size = IO_SIZE(qual),
		.addr_size = 2 << ((info >> 7) & 7),
		.seg = (info >> 15) & 7,
		.insn_len = vmx->pio.insn_len,
	};
}

static int complete_ins(struct um_vmx *vmx)
{
	struct um_soft e;
	unsigned int moved;

	if (has_moved(vmx))
		return UM_RESUME;
	um_soft_begin(vmx, &e);
	return um_soft_end(vmx, &e,
			   um_emul_pio_move(&e.ctx, &vmx->pio.string,
					    vmx->vcpu.pio_data,
					    vmx->pio.count, &moved));
}

static int complete_outs(struct um_vmx *vmx)
{
	return UM_RESUME;
}

/*
 * A device in the kernel has the port: it gets @count accesses. One that comes
 * or goes meanwhile misses some; user space that moves it must not mind.
 */
static bool kernel_io(struct um_vmx *vmx, u32 count)
{
	struct um_vcpu *vcpu = &vmx->vcpu;
	u16 port = vmx->pio.port;
	u8 size = vmx->pio.size;
	u8 *data = vcpu->pio_data;
	u32 i;

	for (i = 0; i < count; i++, data += size) {
		bool done = vmx->pio.in ?
			    um_bus_read(vcpu, UM_BUS_PIO, port, size, data) :
			    um_bus_write(vcpu, UM_BUS_PIO, port, size, data);

		if (!done && !i)
			return false;
	}
	return true;
}

static int string_io(struct um_vmx *vmx, unsigned long qual)
{
	unsigned int count = 0, moved = 0;
	enum um_emul_result res;
	struct um_soft e;
	int r;

	vmx->pio.string = describe(vmx, qual);
	um_soft_begin(vmx, &e);
	res = um_emul_pio_prepare(&e.ctx, &vmx->pio.string,
				  PAGE_SIZE / vmx->pio.size, &count);
	if (res != UM_EMUL_AGAIN || !count)
		return um_soft_end(vmx, &e, res);
	if (vmx->pio.in) {
		if (!kernel_io(vmx, count))
			return io_to_user(vmx, count, complete_ins);
		vmx->pio.count = count;
		return complete_ins(vmx);
	}
	res = um_emul_pio_move(&e.ctx, &vmx->pio.string, vmx->vcpu.pio_data,
			       count, &moved);
	r = um_soft_end(vmx, &e, res);
	if (r <= 0 || !moved || kernel_io(vmx, moved))
		return r;
	return io_to_user(vmx, moved, complete_outs);
}

int um_exit_io(struct um_vmx *vmx)
{
	unsigned long qual = vmx_read(vmx, EXIT_QUALIFICATION);

	vmx->vcpu.stat.io_exits++;
	vmx->pio.port = IO_PORT(qual);
	vmx->pio.size = IO_SIZE(qual);
	vmx->pio.in = qual & IO_IN;
	vmx->pio.rip = vmx_read(vmx, GUEST_RIP);
	vmx->pio.insn_len = vmx_read(vmx, VM_EXIT_INSTRUCTION_LEN);
	if (qual & IO_STRING)
		return string_io(vmx, qual);
	if (vmx->pio.in)
		return kernel_io(vmx, 1) ? complete_in(vmx) :
					   io_to_user(vmx, 1, complete_in);
	memcpy(vmx->vcpu.pio_data, &vmx->world.gpr[UM_RAX], vmx->pio.size);
	if (kernel_io(vmx, 1))
		return complete_out(vmx);
	if (vmx->pio.port == VAPIC_PORT &&
	    um_vm_has_quirk(vmx->vcpu.vm, KVM_X86_QUIRK_OUT_7E_INC_RIP)) {
		um_skip_len(vmx, vmx->pio.insn_len);
		return io_to_user(vmx, 1, NULL);
	}
	return io_to_user(vmx, 1, complete_out);
}
