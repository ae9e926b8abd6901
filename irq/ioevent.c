// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_IOEVENTFD: a guest's write to an address signals an eventfd and goes no
 * further. Found by a hash of the address, which must be hit exactly; writers
 * of the table hold io->lock, the vCPUs RCU.
 */
#include "glue.h"

#include <linux/eventfd.h>
#include <linux/hash.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <umbra/compat.h>

struct um_ioevent {
	struct hlist_node link; /* RCU; written under io->lock */
	enum um_bus bus;	/* const, as all below */
	u64 addr;
	u32 len;		/* 0: any */
	bool wildcard;		/* any value */
	u64 value;
	struct eventfd_ctx *eventfd;
};

static struct hlist_head *bucket(struct um_io *io, u64 addr)
{
	return &io->ioevents[hash_64(addr, UM_IOEVENT_BITS)];
}

static bool hits(const struct um_ioevent *e, enum um_bus bus, u64 addr, u32 len,
		 const void *data)
{
	u64 value = 0;

	if (e->bus != bus || e->addr != addr || (e->len && e->len != len))
		return false;
	if (e->wildcard)
		return true;
	memcpy(&value, data, len);
	return value == e->value;
}

bool um_ioevent_write(struct um_io *io, enum um_bus bus, u64 addr, u32 len,
		      const void *data)
{
	struct um_ioevent *e;
	bool found = false;

	rcu_read_lock();
	hlist_for_each_entry_rcu(e, bucket(io, addr), link) {
		if (hits(e, bus, addr, len, data)) {
			um_eventfd_signal(e->eventfd);
			found = true;
			break;
		}
	}
	rcu_read_unlock();
	return found;
}

/* Could one write mean both? */
static bool collide(const struct um_ioevent *a, const struct um_ioevent *b)
{
	if (a->bus != b->bus || a->addr != b->addr)
		return false;
	if (!a->len || !b->len)
		return true;
	return a->len == b->len &&
	       (a->wildcard || b->wildcard || a->value == b->value);
}

static int add(struct um_io *io, struct um_ioevent *new)
{
	struct hlist_head *head = bucket(io, new->addr);
	struct um_ioevent *e;
	int r = 0;

	mutex_lock(&io->lock);
	hlist_for_each_entry(e, head, link) {
		if (collide(e, new))
			r = -EEXIST;
	}
	if (!r)
		hlist_add_head_rcu(&new->link, head);
	mutex_unlock(&io->lock);
	return r;
}

static void free_event(struct um_ioevent *e)
{
	eventfd_ctx_put(e->eventfd);
	kfree(e);
}

static bool same(const struct um_ioevent *a, const struct um_ioevent *b)
{
	return a->bus == b->bus && a->addr == b->addr && a->len == b->len &&
	       a->wildcard == b->wildcard && a->eventfd == b->eventfd &&
	       (a->wildcard || a->value == b->value);
}

static struct um_ioevent *take_out(struct um_io *io,
				   const struct um_ioevent *old)
{
	struct um_ioevent *e, *found = NULL;

	mutex_lock(&io->lock);
	hlist_for_each_entry(e, bucket(io, old->addr), link) {
		if (!same(e, old))
			continue;
		hlist_del_rcu(&e->link);
		found = e;
		break;
	}
	mutex_unlock(&io->lock);
	return found;
}

/*
 * User space reads the eventfd for the last time when this is over, and serves
 * later writes by other means: one that found the eventfd must have signalled it.
 */
static int remove(struct um_io *io, const struct um_ioevent *old)
{
	struct um_ioevent *e = take_out(io, old);

	if (!e)
		return -ENOENT;
	synchronize_rcu_expedited();
	free_event(e);
	return 0;
}

static bool args_valid(const struct kvm_ioeventfd *args)
{
	const u32 flags = KVM_IOEVENTFD_FLAG_DATAMATCH |
			  KVM_IOEVENTFD_FLAG_PIO | KVM_IOEVENTFD_FLAG_DEASSIGN;

	if (args->flags & ~flags || args->addr + args->len < args->addr)
		return false;
	switch (args->len) {
	case 0:
		return !(args->flags & KVM_IOEVENTFD_FLAG_DATAMATCH);
	case 1:
	case 2:
	case 4:
	case 8:
		return true;
	}
	return false;
}

static struct um_ioevent *make(const struct kvm_ioeventfd *args)
{
	struct um_ioevent *e = kzalloc(sizeof(*e), GFP_KERNEL_ACCOUNT);
	struct eventfd_ctx *eventfd;

	if (!e)
		return ERR_PTR(-ENOMEM);
	eventfd = eventfd_ctx_fdget(args->fd);
	if (IS_ERR(eventfd)) {
		kfree(e);
		return ERR_CAST(eventfd);
	}
	e->bus = args->flags & KVM_IOEVENTFD_FLAG_PIO ? UM_BUS_PIO :
							UM_BUS_MMIO;
	e->addr = args->addr;
	e->len = args->len;
	e->wildcard = !(args->flags & KVM_IOEVENTFD_FLAG_DATAMATCH);
	e->value = args->datamatch;
	e->eventfd = eventfd;
	return e;
}

int um_ioevent_ioctl(struct um_io *io, const void __user *user)
{
	struct kvm_ioeventfd args;
	struct um_ioevent *e;
	int r;

	if (copy_from_user(&args, user, sizeof(args)))
		return -EFAULT;
	if (!args_valid(&args))
		return -EINVAL;
	e = make(&args);
	if (IS_ERR(e))
		return PTR_ERR(e);
	if (args.flags & KVM_IOEVENTFD_FLAG_DEASSIGN) {
		r = remove(io, e);
	} else {
		r = add(io, e);
		if (!r)
			return 0;
	}
	eventfd_ctx_put(e->eventfd);
	kfree(e);
	return r;
}

/* No vCPU runs. */
void um_ioevents_free(struct um_io *io)
{
	struct um_ioevent *e;
	struct hlist_node *n;
	int i;

	for (i = 0; i < ARRAY_SIZE(io->ioevents); i++) {
		hlist_for_each_entry_safe(e, n, &io->ioevents[i], link)
			free_event(e);
	}
}
