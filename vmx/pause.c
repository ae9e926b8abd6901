// SPDX-License-Identifier: GPL-2.0
/*
 * A vCPU spins on a PAUSE: whoever it waits for may be another vCPU that has
 * no CPU. Give it ours, if it is one of this VM's that was scheduled out.
 */
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include "vcpu.h"

/*
 * The thread in KVM_RUN of a vCPU that is not on a CPU, or NULL; a reference
 * to it. A task is freed a grace period after it left KVM_RUN for good.
 */
static struct task_struct *waiting(struct um_vmx *vmx)
{
	struct task_struct *t;

	rcu_read_lock();
	t = READ_ONCE(vmx->runner);
	if (t && READ_ONCE(vmx->vcpu.cpu) < 0)
		get_task_struct(t);
	else
		t = NULL;
	rcu_read_unlock();
	return t;
}

/* The guest waits for what the vCPU of that id does, if there is one. */
void um_yield_to_id(struct um_vmx *vmx, u64 id)
{
	struct task_struct *t;
	struct um_vcpu *vcpu;
	int i;

	um_for_each_vcpu(i, vcpu, vmx->vcpu.vm) {
		if (vcpu->id != id || vcpu == &vmx->vcpu)
			continue;
		t = waiting(to_vmx(vcpu));
		if (!t)
			return;
		yield_to(t, true);
		put_task_struct(t);
		return;
	}
}

/* The PAUSE itself has done its work. */
int um_exit_pause(struct um_vmx *vmx)
{
	struct um_vm *vm = vmx->vcpu.vm;
	int n = um_vcpu_count(vm), i, boosted = 0;

	/* Start behind the one that was helped last, so that all get a turn. */
	for (i = 1; i <= n && boosted <= 0; i++) {
		int idx = (vmx->last_helped + i) % n;
		struct task_struct *t;

		t = waiting(to_vmx(vm->vcpu[idx]));
		if (!t)
			continue;
		boosted = yield_to(t, true);
		put_task_struct(t);
		vmx->last_helped = idx;
	}
	if (boosted <= 0)
		cond_resched();
	um_skip_insn(vmx);
	return UM_RESUME;
}
