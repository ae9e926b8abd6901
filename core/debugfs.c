// SPDX-License-Identifier: GPL-2.0
/*
 * /sys/kernel/debug/umbra/PID-FD: a VM, as KVM names one, seen from outside.
 *
 * A file holds the module while it is open, and holds no VM: the directory is
 * removed before anything of the VM is torn down, which waits for the reads
 * that run and makes later ones fail. That debugfs may be missing or refuse is
 * no reason to fail; then there is nothing to see.
 */
#include "internal.h"

#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <umbra/rmap.h>
#include <umbra/vmx.h>

static struct dentry *root;

static const char *const lock_names[UM_LOCK_LEVELS] = {
	[UM_LOCK_SHADOW] = "shadow",
	[UM_LOCK_RMAP] = "rmap",
	[UM_LOCK_UNTAGGED] = "untagged",
};

/* Buckets that are not empty, and what they begin with. */
static void show_hist(struct seq_file *m, const char *name, const char *what,
		      const struct um_hist *hist)
{
	u64 n;
	int i;

	for (i = 0; i < UM_HIST_BUCKETS; i++) {
		n = atomic64_read(&hist->bucket[i]);
		if (n)
			seq_printf(m, "%s %s ticks %s %llu: %llu\n", name, what,
				   i < UM_HIST_BUCKETS - 1 ? "<" : "<=",
				   i < UM_HIST_BUCKETS - 1 ? BIT_ULL(i) :
							     U64_MAX, n);
	}
}

static void show_measure(struct seq_file *m, const struct um_vm *vm)
{
	if (!READ_ONCE(vm->mmu.locks.measure))
		seq_puts(m, "times are not measured: echo 1 > measure\n");
}

static int locks_show(struct seq_file *m, void *unused)
{
	struct um_vm *vm = m->private;
	const struct um_lock_stat *stat = &vm->mmu.locks;
	int i;

	for (i = UM_LOCK_SHADOW; i < UM_LOCK_LEVELS; i++) {
		seq_printf(m, "%s taken %lld\n", lock_names[i],
			   atomic64_read(&stat->taken[i]));
		show_hist(m, lock_names[i], "wait", &stat->wait[i]);
		show_hist(m, lock_names[i], "hold", &stat->hold[i]);
	}
	show_measure(m, vm);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(locks);

static int stalls_show(struct seq_file *m, void *unused)
{
	struct um_vm *vm = m->private;

	show_hist(m, "fast", "fault", &vm->mmu.stall[0]);
	show_hist(m, "slow", "fault", &vm->mmu.stall[1]);
	show_measure(m, vm);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(stalls);

static int debts_show(struct seq_file *m, void *unused)
{
	struct um_vm *vm = m->private;
	const struct um_tlb *tlb = &vm->mmu.tlb;
	struct um_vcpu *vcpu;
	int i;

	seq_printf(m, "owed %lld paid %lld taking %d\n",
		   atomic64_read(&tlb->owed), atomic64_read(&tlb->paid),
		   atomic_read(&tlb->taking));
	um_for_each_vcpu(i, vcpu, vm)
		seq_printf(m, "vcpu %d seen %llu cpu %d%s\n", vcpu->id,
			   um_vmx_tlb_seen(vcpu), READ_ONCE(vcpu->cpu),
			   READ_ONCE(vcpu->in_guest) ? " in guest" : "");
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(debts);

/* How many sets of each size one slot has at one level. */
static void show_rmap_level(struct seq_file *m, struct um_vm *vm,
			    const struct um_slot *slot, int level)
{
	u64 hist[UM_RMAP_HIST] = {};
	int i;

	um_rmap_histogram(&vm->mmu.rmap, slot, level, hist);
	for (i = 1; i < UM_RMAP_HIST; i++)
		if (hist[i])
			seq_printf(m, "slot %u level %d entries < %llu: %llu\n",
				   slot->id, level, BIT_ULL(i), hist[i]);
}

/* Only the shadow engine gives a slot its sets of sptep. */
static int rmap_show(struct seq_file *m, void *unused)
{
	struct um_vm *vm = m->private;
	const struct um_slots *slots;
	bool any = false;
	int i, level, idx;

	idx = srcu_read_lock(&vm->srcu);
	slots = srcu_dereference(vm->slots, &vm->srcu);
	for (i = 0; i < slots->n; i++) {
		if (!READ_ONCE(slots->by_gfn[i]->rmap))
			continue;
		any = true;
		for (level = UM_LEVEL_4K; level <= UM_LEVEL_1G; level++)
			show_rmap_level(m, vm, slots->by_gfn[i], level);
	}
	srcu_read_unlock(&vm->srcu, idx);
	if (!any)
		seq_puts(m, "no slot has a reverse map\n");
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(rmap);

static int audit_show(struct seq_file *m, void *unused)
{
	struct um_vm *vm = m->private;
	const struct um_mmu_stat *stat = &vm->mmu.stat;

	if (READ_ONCE(vm->dead))
		seq_puts(m, "dead: an invariant broke earlier; the kernel log says which\n");
	else if (!um_mmu_audit(&vm->mmu))
		seq_puts(m, "broken: the kernel log says what; the VM is dead now\n");
	else
		seq_printf(m, "sound: every entry keeps the invariants (%lld leaves, %lld tables)\n",
			   atomic64_read(&stat->pages[0]) +
				   atomic64_read(&stat->pages[1]) +
				   atomic64_read(&stat->pages[2]),
			   atomic64_read(&stat->tables));
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(audit);

static void clear_hist(struct um_hist *hist, int n)
{
	int i;

	for (; n; n--, hist++)
		for (i = 0; i < UM_HIST_BUCKETS; i++)
			atomic64_set(&hist->bucket[i], 0);
}

static int measure_get(void *data, u64 *val)
{
	struct um_vm *vm = data;

	*val = READ_ONCE(vm->mmu.locks.measure);
	return 0;
}

/* Switching on starts from zero. */
static int measure_set(void *data, u64 val)
{
	struct um_vm *vm = data;
	struct um_mmu *mmu = &vm->mmu;

	if (val > 1)
		return -EINVAL;
	if (val && !READ_ONCE(mmu->locks.measure)) {
		clear_hist(mmu->locks.wait, UM_LOCK_LEVELS);
		clear_hist(mmu->locks.hold, UM_LOCK_LEVELS);
		clear_hist(mmu->stall, ARRAY_SIZE(mmu->stall));
	}
	WRITE_ONCE(mmu->locks.measure, val);
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(measure_fops, measure_get, measure_set, "%llu\n");

void um_debugfs_add(struct um_vm *vm, int fd)
{
	static const struct {
		const char *name;
		const struct file_operations *fops;
	} files[] = {
		{ "tables", &um_tables_fops }, { "claims", &um_claims_fops },
		{ "rmap", &rmap_fops },	       { "debts", &debts_fops },
		{ "locks", &locks_fops },      { "stalls", &stalls_fops },
		{ "audit", &audit_fops },
	};
	static atomic_t serial;
	struct dentry *old;
	char name[40];
	int i;

	snprintf(name, sizeof(name), "%d-%d", task_pid_nr(current), fd);
	/* The fd was closed, but that VM's vCPUs live on. */
	old = debugfs_lookup(name, root);
	if (old) {
		dput(old);
		snprintf(name, sizeof(name), "%d-%d.%d", task_pid_nr(current),
			 fd, atomic_inc_return(&serial));
	}
	vm->debugfs = debugfs_create_dir(name, root);
	for (i = 0; i < ARRAY_SIZE(files); i++)
		debugfs_create_file(files[i].name, 0400, vm->debugfs, vm,
				    files[i].fops);
	debugfs_create_file("measure", 0600, vm->debugfs, vm, &measure_fops);
}

void um_debugfs_remove(struct um_vm *vm)
{
	debugfs_remove(vm->debugfs);
}

void um_debugfs_init(void)
{
	root = debugfs_create_dir("umbra", NULL);
}

void um_debugfs_exit(void)
{
	debugfs_remove(root);
}
