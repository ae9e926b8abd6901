// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_GET_STATS_FD: a file that describes itself and holds the counters.
 *
 *   header | id string | descriptors | values
 *
 * The tables below say what is counted where; every value is a u64. Counters
 * are read without any lock: each is right, together they are no snapshot.
 */
#include "internal.h"

#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

struct stat_src {
	const char *name;
	u32 kind;	/* KVM_STATS_TYPE_* */
	size_t offset;	/* in struct um_vm or um_vcpu */
	int n;		/* so many words, summed */
};

/* How a file gets at its values. */
struct stat_set {
	const struct stat_src *src;
	int n;
};

#define CUMUL KVM_STATS_TYPE_CUMULATIVE
#define NOW KVM_STATS_TYPE_INSTANT

#define WORDS(type, field) (sizeof_field(type, field) / sizeof(u64))
#define SRC(name, kind, type, field) \
	{ name, kind, offsetof(type, field), WORDS(type, field) }
#define VM(name, kind, field) SRC(name, kind, struct um_vm, mmu.field)
static const struct stat_src vm_src[] = {
	VM("pages_4k", NOW, stat.pages[0]),
	VM("pages_2m", NOW, stat.pages[1]),
	VM("pages_1g", NOW, stat.pages[2]),
	VM("tables", NOW, stat.tables),
	VM("bytes_meta", NOW, stat.bytes_meta),
	VM("tables_quota", NOW, tables_max),
	VM("tables_reclaimed", CUMUL, stat.reclaimed),
	VM("tables_waiting", NOW, stat.waiting),
	VM("tables_waits", CUMUL, stat.waits),
	VM("splits", CUMUL, stat.splits),
	VM("merges", CUMUL, stat.merges),
	VM("recovered", CUMUL, stat.recovered),
	VM("zapped", CUMUL, stat.zapped),
	VM("aged", CUMUL, stat.aged),
	VM("log_gets", CUMUL, stat.log_gets),
	VM("log_clears", CUMUL, stat.log_clears),
	VM("wrprot", CUMUL, stat.wrprot),
	VM("flushes", CUMUL, stat.flushes),
	VM("tlb_owed", CUMUL, tlb.owed),
	VM("tlb_paid", CUMUL, tlb.paid),
	SRC("ring_reset", CUMUL, struct um_vm, ring_reset),
	VM("mmu_lock", CUMUL, locks.taken),
	VM("shadow_pages", NOW, stat.shadow_pages),
	VM("shadow_unsync", NOW, stat.shadow_unsync),
	VM("shadow_zapped", CUMUL, stat.shadow_zapped),
	VM("shadow_synced", CUMUL, stat.shadow_synced),
	VM("shadow_flooded", CUMUL, stat.shadow_flooded),
	VM("shadow_unshadowed", CUMUL, stat.shadow_unshadowed),
	VM("table_writes", CUMUL, stat.table_writes),
};

#define VCPU(name, field) SRC(name, CUMUL, struct um_vcpu, stat.field)
static const struct stat_src vcpu_src[] = {
	VCPU("pf_taken", pf.taken),
	VCPU("pf_fixed", pf.fixed),
	VCPU("pf_fast", pf.fast),
	VCPU("pf_spurious", pf.spurious),
	VCPU("pf_emulate", pf.emulate),
	VCPU("pf_retry", pf.retry),
	VCPU("pf_stale", pf.stale),
	VCPU("pf_claim_taken", pf.claim_taken),
	VCPU("pf_claim_lost", pf.claim_lost),
	VCPU("pf_given_up", pf.given_up),
	VCPU("pf_no_tag", pf.no_tag),
	VCPU("pf_guest", pf.guest),
	VCPU("pf_table_write", pf.table_write),
	VCPU("pf_rights", pf.rights),
	VCPU("pf_wrprot", pf.wrprot),
	VCPU("exits", exits),
	VCPU("io_exits", io_exits),
	VCPU("mmio_exits", mmio_exits),
	VCPU("halt_exits", halt_exits),
	VCPU("timer_exits", timer_exits),
	VCPU("signal_exits", signal_exits),
	VCPU("irq_exits", irq_exits),
	VCPU("nmi_exits", nmi_exits),
	VCPU("irq_injections", irq_injections),
	VCPU("nmi_injections", nmi_injections),
	VCPU("irq_window_exits", irq_window_exits),
	VCPU("nmi_window_exits", nmi_window_exits),
	VCPU("request_irq_exits", request_irq_exits),
	VCPU("cpuid_exits", cpuid_exits),
	VCPU("msr_exits", msr_exits),
	VCPU("cr_exits", cr_exits),
	VCPU("cr3_writes", cr3_writes),
	VCPU("invlpg_exits", invlpg_exits),
	VCPU("insn_emulation", insn_emulated),
	VCPU("tlb_flush", tlb_flush),
	VCPU("vmread", vmread),
	VCPU("vmwrite", vmwrite),
	VCPU("preempted", preempted),
	VCPU("ring_pushed", ring_pushed),
	VCPU("ring_full_exits", ring_full_exits),
	VCPU("pml_logged", pml_logged),
	VCPU("pml_full_exits", pml_full_exits),
};

static const struct stat_set vm_set = { vm_src, ARRAY_SIZE(vm_src) };
static const struct stat_set vcpu_set = { vcpu_src, ARRAY_SIZE(vcpu_src) };

/* head is everything before the values; const after the file was made. */
struct stat_file {
	struct um_vm *vm; /* a reference */
	const struct stat_set *set;
	const void *base; /* what the offsets are in */
	size_t head_size;
	u8 head[];
};

/* User space sees an open-ended name, some kernels' headers a sized one. */
#define DESC_STRIDE (offsetof(struct kvm_stats_desc, name) + UM_STAT_NAME)
#define ID_OFFSET sizeof(struct kvm_stats_header)
#define DESC_OFFSET (ID_OFFSET + UM_STAT_NAME)

static void stat_describe(struct kvm_stats_desc *d, const struct stat_src *src,
			  int i)
{
	d->flags = src->kind | KVM_STATS_UNIT_NONE | KVM_STATS_BASE_POW10;
	d->size = 1;
	d->offset = i * sizeof(u64);
	strscpy(d->name, src->name, UM_STAT_NAME);
}

static struct stat_file *stat_file_alloc(const struct stat_set *set,
					 const void *base, const char *id)
{
	size_t head_size = DESC_OFFSET + set->n * DESC_STRIDE;
	struct kvm_stats_header *header;
	struct stat_file *sf;
	int i;

	sf = kzalloc(sizeof(*sf) + head_size, GFP_KERNEL_ACCOUNT);
	if (!sf)
		return NULL;
	sf->set = set;
	sf->base = base;
	sf->head_size = head_size;
	header = (void *)sf->head;
	header->name_size = UM_STAT_NAME;
	header->num_desc = set->n;
	header->id_offset = ID_OFFSET;
	header->desc_offset = DESC_OFFSET;
	header->data_offset = head_size;
	strscpy(sf->head + ID_OFFSET, id, UM_STAT_NAME);
	for (i = 0; i < set->n; i++)
		stat_describe((void *)sf->head + DESC_OFFSET + i * DESC_STRIDE,
			      &set->src[i], i);
	return sf;
}

/* atomic64_t and u64 alike: aligned words, read whole. */
static u64 stat_value(const struct stat_file *sf, int i)
{
	const struct stat_src *src = &sf->set->src[i];
	const u64 *words = sf->base + src->offset;
	u64 sum = 0;
	int k;

	for (k = 0; k < src->n; k++)
		sum += READ_ONCE(words[k]);
	return sum;
}

static ssize_t stat_read_values(const struct stat_file *sf, char __user *buf,
				size_t size, loff_t pos)
{
	int i, n = sf->set->n;
	ssize_t r = 0;
	u64 *values;

	values = kmalloc_array(n, sizeof(*values), GFP_KERNEL);
	if (!values)
		return -ENOMEM;
	for (i = 0; i < n; i++)
		values[i] = stat_value(sf, i);
	if (copy_to_user(buf, (void *)values + pos, size))
		r = -EFAULT;
	kfree(values);
	return r;
}

static ssize_t stat_read(struct file *file, char __user *buf, size_t size,
			 loff_t *ppos)
{
	const struct stat_file *sf = file->private_data;
	size_t head = sf->head_size;
	size_t total = head + sf->set->n * sizeof(u64);
	size_t done = 0;
	loff_t pos = *ppos;
	ssize_t r;

	if (pos < 0 || pos >= total)
		return 0;
	size = min_t(size_t, size, total - pos);
	if (pos < head) {
		done = min_t(size_t, size, head - pos);
		if (copy_to_user(buf, sf->head + pos, done))
			return -EFAULT;
		pos += done;
	}
	if (done < size) {
		r = stat_read_values(sf, buf + done, size - done, pos - head);
		if (r)
			return r;
		pos += size - done;
	}
	*ppos = pos;
	return size;
}

static int stat_release(struct inode *inode, struct file *file)
{
	struct stat_file *sf = file->private_data;

	um_vm_put(sf->vm);
	kfree(sf);
	return 0;
}

static const struct file_operations stat_fops = {
	.owner = THIS_MODULE,
	.read = stat_read,
	.release = stat_release,
	.llseek = noop_llseek,
};

static int stat_fd(struct um_vm *vm, struct stat_file *sf, const char *name)
{
	struct file *file;
	int fd;

	if (!sf)
		return -ENOMEM;
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0) {
		kfree(sf);
		return fd;
	}
	file = anon_inode_getfile(name, &stat_fops, sf, O_RDONLY);
	if (IS_ERR(file)) {
		put_unused_fd(fd);
		kfree(sf);
		return PTR_ERR(file);
	}
	um_vm_get(vm);
	sf->vm = vm;
	file->f_mode |= FMODE_PREAD;
	fd_install(fd, file);
	return fd;
}

int um_stat_vm_fd(struct um_vm *vm)
{
	return stat_fd(vm, stat_file_alloc(&vm_set, vm, vm->stat_id),
		       "kvm-vm-stats");
}

int um_stat_vcpu_fd(struct um_vcpu *vcpu)
{
	char name[32];

	snprintf(name, sizeof(name), "kvm-vcpu-stats:%d", vcpu->id);
	return stat_fd(vcpu->vm, stat_file_alloc(&vcpu_set, vcpu,
						 vcpu->stat_id), name);
}
