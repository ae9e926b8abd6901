// SPDX-License-Identifier: GPL-2.0
/*
 * The disk against drivers good and bad, without a KVM device.
 *
 * The guest here is a buffer with a queue in it. A driver that breaks the rules
 * must be told so by NEEDS_RESET, must not make the device touch what is not the
 * guest's, and must find it well after a reset.
 */
#include "disk.h"
#include "tap.h"
#include "util.h"

#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#define MEMORY	(1U << 20)
#define DESC	0x1000U
#define AVAIL	0x2000U
#define USED	0x3000U
#define HEAD	0x4000U
#define DATA	0x10000U
#define STATUS	0x5000U
#define QUEUE	8U
#define SECTORS	64U

#define R VRING_DESC_F_WRITE	/* what the guest receives */
#define N VRING_DESC_F_NEXT

static struct vm vm;
static struct disk disk;
static uint8_t *memory;

static void set(uint32_t reg, uint32_t value)
{
	disk_write(&disk, reg, &value, sizeof(value));
}

static uint32_t get(uint32_t reg)
{
	uint32_t value;

	disk_read(&disk, reg, &value, sizeof(value));
	return value;
}

static void make(void)
{
	char path[] = "/tmp/penumbra-disk.XXXXXX";
	unsigned int i;
	uint8_t byte;

	memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	vm.slots[0] = (struct vm_slot){
		.size = MEMORY, .hva = memory,
		.written = xcalloc(MEMORY / PAGE_SIZE / 64, 8),
	};
	vm.nslots = 1;
	disk.vm = &vm;
	disk.path = path;
	disk.fd = mkstemp(path);
	unlink(path);
	for (i = 0; i < SECTORS * 512; i++) {
		byte = i / 512;
		if (write(disk.fd, &byte, 1) != 1)
			die("writing a disk");
	}
	disk.notify_fd = eventfd(0, EFD_NONBLOCK);
	disk.irq_fd = eventfd(0, EFD_NONBLOCK);
	disk.st.capacity = SECTORS;
	pthread_mutex_init(&disk.lock, NULL);
}

static void start_at(uint64_t desc, uint64_t avail, uint64_t used, uint32_t num)
{
	set(VIRTIO_MMIO_STATUS, 0);
	memset(memory, 0, MEMORY);
	set(VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	set(VIRTIO_MMIO_DRIVER_FEATURES, 1);
	set(VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_FEATURES_OK);
	set(VIRTIO_MMIO_QUEUE_NUM, num);
	set(VIRTIO_MMIO_QUEUE_DESC_LOW, desc);
	set(VIRTIO_MMIO_QUEUE_DESC_HIGH, desc >> 32);
	set(VIRTIO_MMIO_QUEUE_AVAIL_LOW, avail);
	set(VIRTIO_MMIO_QUEUE_AVAIL_HIGH, avail >> 32);
	set(VIRTIO_MMIO_QUEUE_USED_LOW, used);
	set(VIRTIO_MMIO_QUEUE_USED_HIGH, used >> 32);
	set(VIRTIO_MMIO_QUEUE_READY, 1);
	set(VIRTIO_MMIO_STATUS,
	    VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK);
}

static void start(void)
{
	start_at(DESC, AVAIL, USED, QUEUE);
	memory[STATUS] = 0xaa;
}

static void describe(unsigned int i, uint64_t addr, uint32_t len,
		     uint16_t flags, uint16_t next)
{
	struct vring_desc *d = (struct vring_desc *)(memory + DESC);

	d[i] = (struct vring_desc){ addr, len, flags, next };
}

static void head(uint32_t type, uint64_t sector)
{
	struct virtio_blk_outhdr *h = (void *)(memory + HEAD);

	*h = (struct virtio_blk_outhdr){ .type = type, .sector = sector };
	describe(0, HEAD, sizeof(*h), N, 1);
}

/* Offer chain @first; true if it was served. */
static bool offer(uint16_t first)
{
	struct vring_avail *a = (struct vring_avail *)(memory + AVAIL);

	a->ring[a->idx % QUEUE] = first;
	a->idx++;
	return disk_serve(&disk);
}

static bool needs_reset(void)
{
	return get(VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_NEEDS_RESET;
}

/* One request with @len bytes of data; what its status says. */
static uint8_t request(uint32_t type, uint64_t sector, uint32_t len,
		       uint16_t flags)
{
	start();
	head(type, sector);
	if (len)
		describe(1, DATA, len, flags | N, 2);
	else
		describe(0, HEAD, 16, N, 2);
	describe(2, STATUS, 1, R, 0);
	if (!offer(0) || needs_reset())
		return 0xff;
	return memory[STATUS];
}

static bool marked(uint64_t gpa)
{
	uint64_t page = gpa / PAGE_SIZE;

	return vm.slots[0].written[page / 64] >> page % 64 & 1;
}

static void test_good(void)
{
	struct vring_used *used = (struct vring_used *)(memory + USED);

	vm.slots[0].written[0] = 0;
	ok(request(VIRTIO_BLK_T_IN, 3, 4096, R) == 0 && memory[DATA] == 3 &&
	   memory[DATA + 4095] == 10, "a read");
	ok(used->idx == 1 && used->ring[0].id == 0 && used->ring[0].len == 4097,
	   "it is in the used ring");
	ok(marked(DATA) && marked(STATUS) && marked(USED) && !marked(HEAD) &&
	   !marked(DATA + 4096), "what it wrote is marked, no more");
	ok(get(VIRTIO_MMIO_INTERRUPT_STATUS) == 1, "it interrupts");
	set(VIRTIO_MMIO_INTERRUPT_ACK, 1);
	ok(!get(VIRTIO_MMIO_INTERRUPT_STATUS), "until that is taken in");
	start();
	memset(memory + DATA, 0x77, 512);
	head(VIRTIO_BLK_T_OUT, 5);
	describe(1, DATA, 512, N, 2);
	describe(2, STATUS, 1, R, 0);
	ok(offer(0) && !memory[STATUS], "a write");
	ok(request(VIRTIO_BLK_T_IN, 5, 512, R) == 0 && memory[DATA] == 0x77,
	   "it reads back");
	ok(request(VIRTIO_BLK_T_FLUSH, 0, 0, 0) == 0, "a flush");
	ok(request(VIRTIO_BLK_T_GET_ID, 0, 20, R) == 0 &&
	   !strcmp((char *)memory + DATA, "penumbra"), "its name");
	ok(request(99, 0, 512, R) == VIRTIO_BLK_S_UNSUPP, "an unknown request");
}

/* Header, data and status may be cut anywhere (virtio 1.1, 2.6.4). */
static void test_cut(void)
{
	start();
	head(VIRTIO_BLK_T_IN, 7);
	describe(0, HEAD, 5, N, 3);
	describe(3, HEAD + 5, 11, N, 4);
	describe(4, DATA, 100, R | N, 5);
	describe(5, DATA + 100, 413, R, 0);
	ok(offer(0) && !memory[DATA + 512] && memory[DATA] == 7 &&
	   memory[DATA + 511] == 7, "a request in odd pieces");
}

static void test_range(void)
{
	ok(request(VIRTIO_BLK_T_IN, SECTORS, 512, R) == VIRTIO_BLK_S_IOERR,
	   "a read behind the end");
	ok(request(VIRTIO_BLK_T_IN, SECTORS - 1, 1024, R) == VIRTIO_BLK_S_IOERR,
	   "a read across the end");
	ok(request(VIRTIO_BLK_T_OUT, ~0ULL / 512, 512, 0) == VIRTIO_BLK_S_IOERR,
	   "a write that wraps round");
	ok(request(VIRTIO_BLK_T_IN, 0, 100, R) == VIRTIO_BLK_S_IOERR,
	   "less than a sector");
	ok(request(VIRTIO_BLK_T_OUT, 0, 512, R) == VIRTIO_BLK_S_IOERR,
	   "a write that wants to receive");
	ok(request(VIRTIO_BLK_T_IN, 0, 512, 0) == VIRTIO_BLK_S_IOERR,
	   "a read that wants to send");
	disk.ro = true;
	ok(request(VIRTIO_BLK_T_OUT, 0, 512, 0) == VIRTIO_BLK_S_IOERR,
	   "a write to a disk to read only");
	disk.ro = false;
}

/* A chain that breaks the queue: NEEDS_RESET, and nothing was answered. */
static void breaks(const char *name, uint16_t first)
{
	struct vring_used *used = (struct vring_used *)(memory + USED);

	ok(!offer(first) && needs_reset() && !used->idx, "%s", name);
	ok(request(VIRTIO_BLK_T_IN, 1, 512, R) == 0 && memory[DATA] == 1,
	   "and after a reset it is well");
}

static void fresh(uint64_t addr, uint32_t len, uint16_t flags, uint16_t next)
{
	start();
	head(VIRTIO_BLK_T_IN, 0);
	describe(1, addr, len, flags, next);
	describe(2, STATUS, 1, R, 0);
}

static void test_chains(void)
{
	fresh(DATA, 512, R | N, 1);
	breaks("a chain that loops", 0);
	fresh(DATA, 512, R | N, 0);
	breaks("a chain that comes back to its head", 0);
	fresh(DATA, 512, R | N, QUEUE);
	breaks("a link out of the table", 0);
	fresh(0, 0, 0, 0);
	breaks("a head out of the table", QUEUE);
	fresh(MEMORY - 256, 512, R | N, 2);
	breaks("data across the end of memory", 0);
	fresh(~0ULL - 100, 512, R | N, 2);
	breaks("data that wraps round", 0);
	fresh(1ULL << 40, 0xffffffff, R | N, 2);
	breaks("data far out", 0);
	fresh(DATA, 0, R | N, 2);
	breaks("no data, but a descriptor for it", 0);
	fresh(DATA, 512, R | N, 2);
	describe(2, STATUS, 1, 0, 0);
	breaks("what is sent behind what is received", 0);
	fresh(DATA, 512, VRING_DESC_F_INDIRECT, 0);
	breaks("an indirect table, which was not offered", 0);
	fresh(DATA, 512, 0, 0);
	breaks("no room for the status", 0);
	fresh(DATA, 512, R, 0);
	describe(0, HEAD, 8, N, 1);
	breaks("half a header", 0);
	fresh(DATA, 512, R, 0);
	breaks("received only, no header", 1);
	fresh(DATA, 512, R | N, 2);
	((struct vring_avail *)(memory + AVAIL))->idx = QUEUE + 5;
	breaks("more waiting than there is room for", 0);
}

static void no_queue(const char *name, uint64_t desc, uint64_t avail,
		     uint64_t used, uint32_t num)
{
	start_at(desc, avail, used, num);
	ok(!get(VIRTIO_MMIO_QUEUE_READY) && needs_reset(), "%s", name);
}

static void test_queues(void)
{
	no_queue("no queue size", DESC, AVAIL, USED, 0);
	no_queue("a queue size that is no power of two", DESC, AVAIL, USED, 6);
	no_queue("a queue larger than allowed", DESC, AVAIL, USED, 1024);
	no_queue("an odd place", DESC, AVAIL + 1, USED, QUEUE);
	no_queue("descriptors out of memory", MEMORY, AVAIL, USED, QUEUE);
	no_queue("a ring across the end of memory", DESC, MEMORY - 4, USED,
		 QUEUE);
	no_queue("a ring that wraps round", DESC, AVAIL, ~3ULL, QUEUE);
}

static void test_registers(void)
{
	uint64_t value = 0;
	uint32_t i;

	start();
	set(VIRTIO_MMIO_QUEUE_DESC_LOW, 0x7000);
	ok(disk.st.queue.desc == DESC, "a queue in use stays where it is");
	set(VIRTIO_MMIO_QUEUE_SEL, 1);
	ok(!get(VIRTIO_MMIO_QUEUE_NUM_MAX) && !get(VIRTIO_MMIO_QUEUE_READY),
	   "there is no second queue");
	set(VIRTIO_MMIO_STATUS, 0);
	set(VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_FEATURES_OK);
	ok(!(get(VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_FEATURES_OK),
	   "a driver of before version 1 is refused");
	set(VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
	set(VIRTIO_MMIO_DRIVER_FEATURES, ~0U);
	set(VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_FEATURES_OK);
	ok(!(get(VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_FEATURES_OK),
	   "and one that takes what was not offered");
	disk_read(&disk, VIRTIO_MMIO_CONFIG, &value, sizeof(value));
	ok(value == SECTORS, "the capacity");
	/* No register of any width does harm, and memory is not touched. */
	start();
	for (i = 0; i < PAGE_SIZE; i++) {
		disk_read(&disk, i, &value, 1 + i % 8);
		value = 0xf0f0f0f0f0f0f0f0ULL + i;
		disk_write(&disk, i, &value, 1 + i % 8);
	}
	start();
	ok(request(VIRTIO_BLK_T_IN, 2, 512, R) == 0, "it survives every write");
}

static void test_travel(void)
{
	struct wire_disk w, bad;

	start();
	disk_save(&disk, &w);
	set(VIRTIO_MMIO_STATUS, 0);
	ok(!disk_load(&disk, &w) && disk.st.queue.ready, "its state travels");
	bad = w;
	bad.queue.used = MEMORY;
	ok(disk_load(&disk, &bad), "a queue out of memory is refused");
	bad = w;
	bad.capacity++;
	ok(disk_load(&disk, &bad), "another size is refused");
	disk.ro = true;
	ok(disk_load(&disk, &w), "one that can not be written here is refused");
	disk_save(&disk, &w);
	disk.ro = false;
	ok(disk_load(&disk, &w), "and one that could not be there");
}

int main(void)
{
	make();
	test_good();
	test_cut();
	test_range();
	test_chains();
	test_queues();
	test_registers();
	test_travel();
	return tap_done();
}
