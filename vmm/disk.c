// SPDX-License-Identifier: GPL-2.0
/*
 * A virtio-blk device over a file: its requests, and the thread that serves
 * them.
 *
 * What is read from the file goes into guest memory behind the device's dirty
 * log: virtq_push() marks it.
 */
#include "disk.h"

#include "virtq.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define SECTOR 512ULL

/* A request, taken apart: its data is a stretch of the chain. */
struct request {
	struct virtio_blk_outhdr head;
	struct iovec iov[VIRTQ_MAX];
	unsigned int n;
	uint64_t bytes;
	bool to_guest;
};

static void signal_fd(int fd)
{
	uint64_t one = 1;

	if (write(fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
		say("eventfd: %s", strerror(errno));
}

static void interrupt(struct disk *d, uint32_t why)
{
	__atomic_or_fetch(&d->st.interrupt, why, __ATOMIC_SEQ_CST);
	signal_fd(d->irq_fd);
}

void disk_break(struct disk *d)
{
	d->st.status |= VIRTIO_CONFIG_S_NEEDS_RESET;
	interrupt(d, VIRTIO_MMIO_INT_CONFIG);
}

/* ---- requests -------------------------------------------------------------- */

/* Leave out the first @len bytes of *iov; fewer if there are not as many. */
static size_t skip(struct iovec **iov, unsigned int *n, size_t len)
{
	size_t left = len, take;

	while (left && *n) {
		take = (*iov)->iov_len < left ? (*iov)->iov_len : left;
		(*iov)->iov_base = (uint8_t *)(*iov)->iov_base + take;
		(*iov)->iov_len -= take;
		left -= take;
		if (!(*iov)->iov_len) {
			(*iov)++;
			(*n)--;
		}
	}
	return len - left;
}

static size_t copy_out(void *to, const struct iovec *iov, unsigned int n,
		       size_t len)
{
	size_t done = 0, take;

	for (; n && done < len; n--, iov++) {
		take = iov->iov_len < len - done ? iov->iov_len : len - done;
		memcpy((uint8_t *)to + done, iov->iov_base, take);
		done += take;
	}
	return done;
}

static size_t copy_in(const struct iovec *iov, unsigned int n, const void *from,
		      size_t len)
{
	size_t done = 0, take;

	for (; n && done < len; n--, iov++) {
		take = iov->iov_len < len - done ? iov->iov_len : len - done;
		memcpy(iov->iov_base, (const uint8_t *)from + done, take);
		done += take;
	}
	return done;
}

static uint64_t total(const struct iovec *iov, unsigned int n)
{
	uint64_t sum = 0;

	while (n--)
		sum += iov++->iov_len;
	return sum;
}

static uint8_t move_data(struct disk *d, struct request *r)
{
	struct iovec *iov = r->iov;
	off_t at = r->head.sector * SECTOR;
	ssize_t done;

	if (r->bytes % SECTOR || r->head.sector > d->st.capacity ||
	    r->bytes / SECTOR > d->st.capacity - r->head.sector)
		return VIRTIO_BLK_S_IOERR;
	while (r->n) {
		done = r->to_guest ? preadv(d->fd, iov, r->n, at) :
				     pwritev(d->fd, iov, r->n, at);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return VIRTIO_BLK_S_IOERR;
		at += skip(&iov, &r->n, done);
	}
	return VIRTIO_BLK_S_OK;
}

static uint8_t do_in(struct disk *d, struct request *r)
{
	return r->to_guest ? move_data(d, r) : VIRTIO_BLK_S_IOERR;
}

static uint8_t do_out(struct disk *d, struct request *r)
{
	return d->ro || r->to_guest ? VIRTIO_BLK_S_IOERR : move_data(d, r);
}

static uint8_t do_flush(struct disk *d, struct request *r)
{
	(void)r;
	return fdatasync(d->fd) ? VIRTIO_BLK_S_IOERR : VIRTIO_BLK_S_OK;
}

static uint8_t do_id(struct disk *d, struct request *r)
{
	char id[VIRTIO_BLK_ID_BYTES] = "penumbra";

	(void)d;
	if (!r->to_guest)
		return VIRTIO_BLK_S_IOERR;
	r->bytes = copy_in(r->iov, r->n, id, sizeof(id));
	return VIRTIO_BLK_S_OK;
}

static const struct {
	uint32_t type;
	uint8_t (*serve)(struct disk *d, struct request *r);
} kinds[] = {
	{ VIRTIO_BLK_T_IN, do_in },
	{ VIRTIO_BLK_T_OUT, do_out },
	{ VIRTIO_BLK_T_FLUSH, do_flush },
	{ VIRTIO_BLK_T_GET_ID, do_id },
};

static uint8_t dispatch(struct disk *d, struct request *r)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		if (kinds[i].type == r->head.type)
			return kinds[i].serve(d, r);
	return VIRTIO_BLK_S_UNSUPP;
}

/*
 * The header is the first of what the guest sends, the status the last byte of
 * what it receives, however these are cut; what is between is data.
 */
static bool take_apart(const struct virtq_chain *c, struct request *r,
		       uint8_t **status)
{
	const struct iovec *in = c->iov + c->nout, *last = in + c->nin - 1;
	struct iovec *from = r->iov;

	if (!c->nin || copy_out(&r->head, c->iov, c->nout, sizeof(r->head)) !=
			       sizeof(r->head))
		return false;
	*status = (uint8_t *)last->iov_base + last->iov_len - 1;
	r->to_guest = total(in, c->nin) > 1;
	r->n = r->to_guest ? c->nin : c->nout;
	memcpy(r->iov, r->to_guest ? in : c->iov, r->n * sizeof(*in));
	if (r->to_guest && !--r->iov[r->n - 1].iov_len)
		r->n--;
	if (!r->to_guest) {
		skip(&from, &r->n, sizeof(r->head));
		memmove(r->iov, from, r->n * sizeof(*from));
	}
	r->bytes = total(r->iov, r->n);
	return true;
}

bool disk_serve(struct disk *d)
{
	struct virtq_chain c;
	struct request r;
	uint8_t *status;
	int got = virtq_pop(d->vm, &d->st.queue, &c);

	if (got < 0 || (got && !take_apart(&c, &r, &status))) {
		disk_break(d);
		return false;
	}
	if (!got)
		return false;
	*status = dispatch(d, &r);
	if (virtq_push(d->vm, &d->st.queue, &c,
		       1 + (r.to_guest && !*status ? r.bytes : 0)))
		interrupt(d, VIRTIO_MMIO_INT_VRING);
	return true;
}

/* ---- the thread ------------------------------------------------------------ */

static bool step(struct disk *d)
{
	bool served = false;

	pthread_mutex_lock(&d->lock);
	if (d->running && d->st.queue.ready &&
	    d->st.status & VIRTIO_CONFIG_S_DRIVER_OK &&
	    !(d->st.status & VIRTIO_CONFIG_S_NEEDS_RESET))
		served = disk_serve(d);
	pthread_mutex_unlock(&d->lock);
	return served;
}

static void *disk_main(void *arg)
{
	struct disk *d = arg;
	uint64_t count;

	while (!d->quit) {
		while (step(d))
			;
		if (read(d->notify_fd, &count, sizeof(count)) < 0 &&
		    errno != EINTR)
			die("eventfd: %s", strerror(errno));
	}
	return NULL;
}

void disk_pause(struct disk *d)
{
	d->running = false;
	/* What is being served is done when the lock is to be had. */
	pthread_mutex_lock(&d->lock);
	pthread_mutex_unlock(&d->lock);
}

/* Notifications and interrupts of before may be lost with the fds: again. */
void disk_run(struct disk *d)
{
	d->running = true;
	signal_fd(d->notify_fd);
	if (__atomic_load_n(&d->st.interrupt, __ATOMIC_SEQ_CST))
		signal_fd(d->irq_fd);
}

/* ---- birth, end, travel ---------------------------------------------------- */

static void open_file(struct disk *d)
{
	off_t size;

	d->fd = open(d->path, (d->ro ? O_RDONLY : O_RDWR) | O_CLOEXEC);
	size = d->fd < 0 ? -1 : lseek(d->fd, 0, SEEK_END);
	if (size < 0)
		die("%s: %s", d->path, strerror(errno));
	if (size < (off_t)SECTOR)
		die("%s is no disk: it has not even a sector", d->path);
	d->st.capacity = size / SECTOR;
}

static void make_fds(struct disk *d, uint64_t gpa, uint32_t gsi)
{
	struct kvm_ioeventfd notify = {
		.addr = gpa + VIRTIO_MMIO_QUEUE_NOTIFY, .len = 4,
	};
	struct kvm_irqfd irq = { .gsi = gsi };

	d->notify_fd = eventfd(0, EFD_CLOEXEC);
	d->irq_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (d->notify_fd < 0 || d->irq_fd < 0)
		die("eventfd: %s", strerror(errno));
	notify.fd = d->notify_fd;
	irq.fd = d->irq_fd;
	if (ioctl(d->vm->fd, KVM_IOEVENTFD, &notify))
		die("KVM_IOEVENTFD: %s", strerror(errno));
	if (ioctl(d->vm->fd, KVM_IRQFD, &irq))
		die("KVM_IRQFD: %s", strerror(errno));
}

struct disk *disk_create(struct vm *vm, const struct disk_option *o,
			 uint64_t gpa, uint32_t gsi)
{
	struct disk *d = xcalloc(1, sizeof(*d));
	int err;

	d->vm = vm;
	d->path = o->path;
	d->ro = o->ro;
	pthread_mutex_init(&d->lock, NULL);
	open_file(d);
	make_fds(d, gpa, gsi);
	err = pthread_create(&d->thread, NULL, disk_main, d);
	if (err)
		die("a thread for %s: %s", d->path, strerror(err));
	return d;
}

void disk_destroy(struct disk *d)
{
	d->quit = true;
	signal_fd(d->notify_fd);
	pthread_join(d->thread, NULL);
	close(d->notify_fd);
	close(d->irq_fd);
	close(d->fd);
	pthread_mutex_destroy(&d->lock);
	free(d);
}

/* The other end may be another host, and not see what only this one caches. */
void disk_save(struct disk *d, struct wire_disk *out)
{
	if (!d->ro && fdatasync(d->fd))
		say("%s: %s", d->path, strerror(errno));
	pthread_mutex_lock(&d->lock);
	*out = d->st;
	out->ro = d->ro;
	pthread_mutex_unlock(&d->lock);
}

const char *disk_load(struct disk *d, const struct wire_disk *in)
{
	const char *why = NULL;

	pthread_mutex_lock(&d->lock);
	if (in->capacity != d->st.capacity)
		why = "of another size there";
	else if (!in->ro != !d->ro)
		why = "not as writable there";
	else if (in->queue.ready && !virtq_ok(d->vm, &in->queue))
		why = "a queue that is not in memory";
	else
		d->st = *in;
	pthread_mutex_unlock(&d->lock);
	return why;
}
