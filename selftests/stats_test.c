// SPDX-License-Identifier: GPL-2.0
/*
 * The format of KVM_GET_STATS_FD, on VM and vCPU.
 */
#include "kselftest_harness.h"
#include "lib/vm.h"

FIXTURE(stats) {
	struct vm *vm;
};

FIXTURE_SETUP(stats)
{
	self->vm = vm_boot_remote(1);
}

FIXTURE_TEARDOWN(stats)
{
	vm_free(self->vm);
}

static void check_descriptor(struct __test_metadata *_metadata,
			     struct kvm_stats_desc *desc, u32 name_size)
{
	u32 type = desc->flags & KVM_STATS_TYPE_MASK;
	u32 unit = desc->flags & KVM_STATS_UNIT_MASK;
	u32 base = desc->flags & KVM_STATS_BASE_MASK;

	EXPECT_LE(type, KVM_STATS_TYPE_MAX);
	EXPECT_LE(unit, 4 << KVM_STATS_UNIT_SHIFT);
	EXPECT_LE(base, KVM_STATS_BASE_MAX);
	EXPECT_GE(desc->size, 1);
	EXPECT_GE(strnlen(desc->name, name_size), 1);
	EXPECT_LT(strnlen(desc->name, name_size), name_size);
	if (unit == KVM_STATS_UNIT_BYTES)
		EXPECT_EQ(0, desc->exponent % 10);
	if (type == KVM_STATS_TYPE_LINEAR_HIST) {
		EXPECT_GE(desc->bucket_size, 1);
	} else {
		EXPECT_EQ(0, desc->bucket_size);
	}
}

static void check(struct __test_metadata *_metadata, int owner)
{
	struct kvm_stats_header head;
	struct kvm_stats_desc *desc;
	size_t size, end, data = 0;
	void *volatile nowhere = (void *)8;
	u8 *descs, *values;
	int fd, fd2;
	u32 i, k;

	fd = KIOCTL(owner, KVM_GET_STATS_FD, 0);
	ASSERT_GE(fd, 0);
	ASSERT_EQ(sizeof(head), read(fd, &head, sizeof(head)));
	EXPECT_EQ(0, head.flags);
	EXPECT_GE(head.num_desc, 1);
	EXPECT_GE(head.name_size, 1);
	EXPECT_GE(head.id_offset, sizeof(head));
	EXPECT_GE(head.desc_offset, head.id_offset + head.name_size);
	size = sizeof(*desc) + head.name_size;
	end = head.desc_offset + head.num_desc * size;
	EXPECT_GE(head.data_offset, end);
	EXPECT_LE(head.id_offset + head.name_size, head.desc_offset);

	descs = malloc(head.num_desc * size);
	ASSERT_EQ(head.num_desc * size, pread(fd, descs, head.num_desc * size,
					      head.desc_offset));
	for (i = 0; i < head.num_desc; i++) {
		desc = (void *)(descs + i * size);
		check_descriptor(_metadata, desc, head.name_size);
		end = desc->offset + 8ul * desc->size;
		if (data < end)
			data = end;
		for (k = 0; k < i; k++) {
			struct kvm_stats_desc *old = (void *)(descs + k * size);

			EXPECT_NE(0, strcmp(old->name, desc->name));
			EXPECT_TRUE(end <= old->offset || desc->offset >=
				    old->offset + 8ul * old->size) {
				TH_LOG("%s overlaps %s", desc->name, old->name);
			}
		}
	}
	/* All the values, then nothing. */
	values = malloc(data + 8);
	EXPECT_EQ(data, pread(fd, values, data, head.data_offset));
	EXPECT_EQ(data, pread(fd, values, data + 8, head.data_offset));
	EXPECT_EQ(0, pread(fd, values, 8, head.data_offset + data));
	EXPECT_EQ(0, pread(fd, values, 8, 1ul << 40));
	EXPECT_EQ(-1, pread(fd, nowhere, 8, 0));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-1, write(fd, values, 8));
	EXPECT_EQ(EBADF, errno);

	fd2 = KIOCTL(owner, KVM_GET_STATS_FD, 0);
	EXPECT_GE(fd2, 0);
	EXPECT_NE(fd, fd2);
	close(fd2);
	close(fd);
	free(descs);
	free(values);
}

TEST_F(stats, vm)
{
	check(_metadata, self->vm->fd);
}

TEST_F(stats, vcpu)
{
	check(_metadata, self->vm->vcpus[0].fd);
}

TEST_F(stats, not_on_device)
{
	EXPECT_EQ(EINVAL, KERR(self->vm->dev, KVM_GET_STATS_FD, 0));
}

TEST_F(stats, exits_are_counted)
{
	int fd = self->vm->vcpus[0].fd;
	u64 exits = stats_get(fd, "exits"), io = stats_get(fd, "io_exits");
	int i;

	for (i = 0; i < 10; i++)
		remote_read(&self->vm->vcpus[0], 0x1000);
	EXPECT_EQ(io + 10, stats_get(fd, "io_exits"));
	EXPECT_GE(stats_get(fd, "exits"), exits + 10);
}

/* The fd outlives the VM's other fds. */
TEST(read_after_close)
{
	struct vm *vm = vm_boot_remote(1);
	int fd = KIOCTL(vm->vcpus[0].fd, KVM_GET_STATS_FD, 0);
	int fd2 = KIOCTL(vm->fd, KVM_GET_STATS_FD, 0);
	struct kvm_stats_header head;

	vm_free(vm);
	EXPECT_EQ(sizeof(head), pread(fd, &head, sizeof(head), 0));
	EXPECT_EQ(8, pread(fd, &head, 8, head.data_offset));
	EXPECT_EQ(sizeof(head), pread(fd2, &head, sizeof(head), 0));
	EXPECT_EQ(8, pread(fd2, &head, 8, head.data_offset));
	close(fd);
	close(fd2);
}

TEST_HARNESS_MAIN
