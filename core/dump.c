// SPDX-License-Identifier: GPL-2.0
/*
 * A VM's tables and its claims as text in debugfs, a run of like entries a
 * line. What a reader sees of a tree that changes is right for each line, and
 * no vCPU waits for it. The position in the file is the frame to look at next,
 * plus one: zero is the heading.
 */
#include "internal.h"

#include <linux/module.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>
#include <umbra/dump.h>
#include <umbra/spte.h>

struct dump {
	struct um_vm *vm;
	enum um_dump_what what;
	struct um_run run;
};

/* The first run from *@pos on. */
static void *dump_find(struct dump *dump, loff_t *pos)
{
	while (um_dump_next(&dump->vm->mmu, *pos - 1, dump->what, &dump->run)) {
		*pos = dump->run.gfn + 1;
		if (dump->run.pages)
			return &dump->run;
		if (fatal_signal_pending(current))
			return ERR_PTR(-EINTR);
		cond_resched();
	}
	return NULL;
}

static void *dump_start(struct seq_file *m, loff_t *pos)
{
	return *pos ? dump_find(m->private, pos) : SEQ_START_TOKEN;
}

static void *dump_next(struct seq_file *m, void *v, loff_t *pos)
{
	struct dump *dump = m->private;

	if (v == SEQ_START_TOKEN)
		*pos = 1;
	else
		*pos = dump->run.gfn + dump->run.pages + 1;
	return dump_find(dump, pos);
}

static void dump_stop(struct seq_file *m, void *v)
{
}

static const char *state(u64 spte)
{
	if (um_spte_is_claim(spte))
		return "claim";
	if (spte == UM_SPTE_FROZEN)
		return "frozen";
	return um_spte_is_leaf(spte) ? "leaf" : "dead";
}

static void flag(struct seq_file *m, u64 spte, u64 bit, char name)
{
	/* The bits of what is no leaf mean something else. */
	seq_putc(m, um_spte_is_leaf(spte) && (spte & bit) ? name : '-');
}

static int dump_show(struct seq_file *m, void *v)
{
	static const char *const sizes[] = { "?", "4K", "2M", "1G", "512G" };
	const struct um_run *run = v;
	u64 spte;

	if (v == SEQ_START_TOKEN) {
		seq_puts(m, "gfn pages size state bits tag pfn pieces accessed dirty\n");
		return 0;
	}
	spte = run->spte;
	seq_printf(m, "0x%llx %llu %s %s ", run->gfn, run->pages,
		   sizes[run->level], state(spte));
	flag(m, spte, UM_SPTE_R, 'r');
	flag(m, spte, UM_SPTE_W, 'w');
	flag(m, spte, UM_SPTE_X, 'x');
	flag(m, spte, UM_SPTE_HW, 'h');
	flag(m, spte, UM_SPTE_MW, 'm');
	flag(m, spte, UM_SPTE_WP, 'p');
	flag(m, spte, UM_SPTE_PF, 'f');
	seq_printf(m, " %u 0x%llx %llu %llu %llu\n", um_spte_tag(spte),
		   um_spte_pfn(spte), run->pieces, run->accessed, run->dirty);
	return 0;
}

static const struct seq_operations dump_ops = {
	.start = dump_start,
	.next = dump_next,
	.stop = dump_stop,
	.show = dump_show,
};

static int dump_open(struct inode *inode, struct file *file,
		     enum um_dump_what what)
{
	struct dump *dump;

	dump = __seq_open_private(file, &dump_ops, sizeof(*dump));
	if (!dump)
		return -ENOMEM;
	dump->vm = inode->i_private;
	dump->what = what;
	return 0;
}

static int tables_open(struct inode *inode, struct file *file)
{
	return dump_open(inode, file, UM_DUMP_ALL);
}

static int claims_open(struct inode *inode, struct file *file)
{
	return dump_open(inode, file, UM_DUMP_CLAIMS);
}

const struct file_operations um_tables_fops = {
	.owner = THIS_MODULE,
	.open = tables_open,
	.read = seq_read,
	.llseek = seq_lseek,
	.release = seq_release_private,
};

const struct file_operations um_claims_fops = {
	.owner = THIS_MODULE,
	.open = claims_open,
	.read = seq_read,
	.llseek = seq_lseek,
	.release = seq_release_private,
};
