// SPDX-License-Identifier: GPL-2.0
/*
 * One counter out of KVM_GET_STATS_FD, by name.
 */
#include "lib/vm.h"

/* Returns 0, or the errno of the ioctl, or ENOENT for an unknown name. */
int stats_read(int fd, const char *name, u64 *value)
{
	struct kvm_stats_header header;
	struct kvm_stats_desc *desc;
	size_t size;
	int stats, err = ENOENT;
	u32 i;

	stats = KIOCTL(fd, KVM_GET_STATS_FD, 0);
	if (stats < 0)
		return errno;
	REQUIRE(pread(stats, &header, sizeof(header), 0) == sizeof(header),
		"statistics header");
	size = sizeof(*desc) + header.name_size;
	desc = malloc(size);
	REQUIRE(desc, "out of memory");
	for (i = 0; i < header.num_desc; i++) {
		REQUIRE(pread(stats, desc, size, header.desc_offset +
			      i * size) == (ssize_t)size,
			"descriptor %u", i);
		if (strcmp(desc->name, name))
			continue;
		REQUIRE(pread(stats, value, 8, header.data_offset +
			      desc->offset) == 8,
			"value of %s", name);
		err = 0;
		break;
	}
	free(desc);
	close(stats);
	return err;
}

u64 stats_get(int fd, const char *name)
{
	u64 value = 0;
	int err = stats_read(fd, name, &value);

	REQUIRE(!err, "no statistic %s: errno %d", name, err);
	return value;
}
