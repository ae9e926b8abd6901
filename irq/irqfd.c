// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_IRQFD: an eventfd that raises a GSI, in the context of who signals it.
 * With KVM_IRQFD_FLAG_RESAMPLE the line stays up until the guest ends the
 * interrupt; then it falls, and another eventfd says so.
 *
 * Two ways lead out: user space takes it away, or the eventfd is closed, which
 * is heard of with its lock held: the rest is work. Who takes an irqfd out of
 * the list ends it, so that it is ended once.
 */
#include "glue.h"

#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/poll.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <umbra/compat.h>

struct um_irqfd {
	struct um_irqchip *chip; /* const, as all without a note */
	u32 gsi;
	struct eventfd_ctx *eventfd;
	struct eventfd_ctx *resample;	/* NULL: it is an edge */
	struct list_head link;		/* chip->irqfds_lock */
	struct list_head resample_link;	/* chip->irqfds_lock; RCU */
	bool listed;			/* chip->irqfds_lock */
	wait_queue_entry_t wait;
	poll_table poll;
	struct work_struct end;
};

static struct workqueue_struct *ends;

int um_irq_init(void)
{
	ends = alloc_workqueue("umbra_irqfd", 0, 0);
	return ends ? 0 : -ENOMEM;
}

void um_irq_exit(void)
{
	destroy_workqueue(ends);
}

static void raise(struct um_irqfd *irqfd)
{
	struct um_irqs *irqs = &irqfd->chip->irqs;

	if (irqfd->resample) {
		um_irq_set(irqs, irqfd->gsi, UM_IRQ_RESAMPLE, true);
		return;
	}
	um_irq_set(irqs, irqfd->gsi, UM_IRQ_USER, true);
	um_irq_set(irqs, irqfd->gsi, UM_IRQ_USER, false);
}

/* Under irqfds_lock. False: somebody else ends it. */
static bool take_out(struct um_irqfd *irqfd)
{
	if (!irqfd->listed)
		return false;
	irqfd->listed = false;
	list_del(&irqfd->link);
	if (irqfd->resample)
		list_del_rcu(&irqfd->resample_link);
	return true;
}

/* Under irqfds_lock. */
static bool is_shared(const struct um_irqfd *old)
{
	const struct um_irqfd *irqfd;

	list_for_each_entry(irqfd, &old->chip->resamplers, resample_link) {
		if (irqfd->gsi == old->gsi)
			return true;
	}
	return false;
}

/*
 * Those that share a GSI hold up one line: it falls with the last of them. Under
 * the lock, for one that comes now is in the list before it raises the line.
 */
static void lower(struct um_irqfd *irqfd)
{
	struct um_irqchip *chip = irqfd->chip;

	spin_lock_irq(&chip->irqfds_lock);
	if (!is_shared(irqfd))
		um_irq_set(&chip->irqs, irqfd->gsi, UM_IRQ_RESAMPLE, false);
	spin_unlock_irq(&chip->irqfds_lock);
}

/* It is in no list. Nobody raises it any more when the queue has let it go. */
static void end(struct um_irqfd *irqfd)
{
	u64 count;

	eventfd_ctx_remove_wait_queue(irqfd->eventfd, &irqfd->wait, &count);
	if (irqfd->resample) {
		synchronize_rcu();
		lower(irqfd);
		eventfd_ctx_put(irqfd->resample);
	}
	eventfd_ctx_put(irqfd->eventfd);
	kfree(irqfd);
}

static void end_work(struct work_struct *work)
{
	end(container_of(work, struct um_irqfd, end));
}

/* With the eventfd's lock held, interrupts off. */
static int on_signal(wait_queue_entry_t *wait, unsigned int mode, int sync,
		     void *key)
{
	struct um_irqfd *irqfd = container_of(wait, struct um_irqfd, wait);
	struct um_irqchip *chip = irqfd->chip;
	__poll_t events = key_to_poll(key);
	unsigned long flags;
	int ret = 0;
	u64 count;

	if (events & EPOLLIN) {
		eventfd_ctx_do_read(irqfd->eventfd, &count);
		raise(irqfd);
		ret = 1;
	}
	if (events & EPOLLHUP) {
		spin_lock_irqsave(&chip->irqfds_lock, flags);
		if (take_out(irqfd))
			queue_work(ends, &irqfd->end);
		spin_unlock_irqrestore(&chip->irqfds_lock, flags);
	}
	return ret;
}

static void on_queue(struct file *file, wait_queue_head_t *queue,
		     poll_table *poll)
{
	struct um_irqfd *irqfd = container_of(poll, struct um_irqfd, poll);

	add_wait_queue_priority(queue, &irqfd->wait);
}

/* Under irqfds_lock: an eventfd raises one GSI. */
static bool is_taken(const struct um_irqfd *new)
{
	const struct um_irqfd *irqfd;

	list_for_each_entry(irqfd, &new->chip->irqfds, link) {
		if (irqfd->eventfd == new->eventfd)
			return true;
	}
	return false;
}

static int put_in(struct um_irqfd *irqfd)
{
	struct um_irqchip *chip = irqfd->chip;
	int r = 0;

	spin_lock_irq(&chip->irqfds_lock);
	if (is_taken(irqfd)) {
		r = -EBUSY;
	} else {
		irqfd->listed = true;
		list_add_tail(&irqfd->link, &chip->irqfds);
		if (irqfd->resample)
			list_add_rcu(&irqfd->resample_link, &chip->resamplers);
	}
	spin_unlock_irq(&chip->irqfds_lock);
	return r;
}

static struct um_irqfd *alloc(struct um_irqchip *chip, u32 gsi)
{
	struct um_irqfd *irqfd = kzalloc(sizeof(*irqfd), GFP_KERNEL_ACCOUNT);

	if (!irqfd)
		return NULL;
	irqfd->chip = chip;
	irqfd->gsi = gsi;
	INIT_WORK(&irqfd->end, end_work);
	init_waitqueue_func_entry(&irqfd->wait, on_signal);
	init_poll_funcptr(&irqfd->poll, on_queue);
	return irqfd;
}

static int set_eventfds(struct um_irqfd *irqfd, struct file *file,
			const struct kvm_irqfd *args)
{
	irqfd->eventfd = eventfd_ctx_fileget(file);
	if (IS_ERR(irqfd->eventfd))
		return PTR_ERR(irqfd->eventfd);
	if (!(args->flags & KVM_IRQFD_FLAG_RESAMPLE))
		return 0;
	irqfd->resample = eventfd_ctx_fdget(args->resamplefd);
	if (!IS_ERR(irqfd->resample))
		return 0;
	eventfd_ctx_put(irqfd->eventfd);
	return PTR_ERR(irqfd->resample);
}

/* chip->lock held, which keeps others from taking it away meanwhile. */
static int assign_file(struct um_irqchip *chip, struct file *file,
		       const struct kvm_irqfd *args)
{
	struct um_irqfd *irqfd = alloc(chip, args->gsi);
	int r;

	if (!irqfd)
		return -ENOMEM;
	r = set_eventfds(irqfd, file, args);
	if (r)
		goto err;
	r = put_in(irqfd);
	if (r) {
		if (irqfd->resample)
			eventfd_ctx_put(irqfd->resample);
		eventfd_ctx_put(irqfd->eventfd);
		goto err;
	}
	/* One that was signalled before it came here counts. */
	if (vfs_poll(file, &irqfd->poll) & EPOLLIN)
		raise(irqfd);
	return 0;

err:
	kfree(irqfd);
	return r;
}

static int assign(struct um_irqchip *chip, const struct kvm_irqfd *args)
{
	struct file *file;
	int r;

	file = fget(args->fd);
	if (!file)
		return -EBADF;
	mutex_lock(&chip->lock);
	r = assign_file(chip, file, args);
	mutex_unlock(&chip->lock);
	fput(file);
	return r;
}

/* The next that @gsi and @eventfd mean (NULL: any), out of the list. */
static struct um_irqfd *take_next(struct um_irqchip *chip,
				  const struct eventfd_ctx *eventfd, u32 gsi)
{
	struct um_irqfd *irqfd, *found = NULL;

	spin_lock_irq(&chip->irqfds_lock);
	list_for_each_entry(irqfd, &chip->irqfds, link) {
		if (eventfd && (irqfd->eventfd != eventfd || irqfd->gsi != gsi))
			continue;
		found = irqfd;
		take_out(irqfd);
		break;
	}
	spin_unlock_irq(&chip->irqfds_lock);
	return found;
}

static int deassign(struct um_irqchip *chip, const struct kvm_irqfd *args)
{
	struct eventfd_ctx *eventfd = eventfd_ctx_fdget(args->fd);
	struct um_irqfd *irqfd;

	if (IS_ERR(eventfd))
		return PTR_ERR(eventfd);
	mutex_lock(&chip->lock);
	while ((irqfd = take_next(chip, eventfd, args->gsi)))
		end(irqfd);
	mutex_unlock(&chip->lock);
	eventfd_ctx_put(eventfd);
	/* As if it had gone by this call: nothing comes after it. */
	flush_workqueue(ends);
	return 0;
}

int um_irqfd_ioctl(struct um_irqchip *chip, const void __user *user)
{
	struct kvm_irqfd args;

	if (copy_from_user(&args, user, sizeof(args)))
		return -EFAULT;
	if (!chip ||
	    (args.flags & ~(KVM_IRQFD_FLAG_DEASSIGN | KVM_IRQFD_FLAG_RESAMPLE)))
		return -EINVAL;
	if (args.flags & KVM_IRQFD_FLAG_DEASSIGN)
		return deassign(chip, &args);
	/* Nobody here would tell of the end. */
	if ((args.flags & KVM_IRQFD_FLAG_RESAMPLE) && chip->irqs.split)
		return -EINVAL;
	return assign(chip, &args);
}

/* The VM's file is closed. */
void um_irqfd_release(struct um_irqchip *chip)
{
	struct um_irqfd *irqfd;

	mutex_lock(&chip->lock);
	while ((irqfd = take_next(chip, NULL, 0)))
		end(irqfd);
	mutex_unlock(&chip->lock);
	flush_workqueue(ends);
}

/* The line falls before anybody hears of it, who may raise it again. */
void um_port_acked(struct um_irqs *irqs, u32 gsi)
{
	struct um_irqchip *chip = irqs_to_chip(irqs);
	struct um_irqfd *irqfd;
	bool lowered = false;

	rcu_read_lock();
	list_for_each_entry_rcu(irqfd, &chip->resamplers, resample_link) {
		if (irqfd->gsi != gsi)
			continue;
		if (!lowered)
			um_irq_set(irqs, gsi, UM_IRQ_RESAMPLE, false);
		lowered = true;
		um_eventfd_signal(irqfd->resample);
	}
	rcu_read_unlock();
}
