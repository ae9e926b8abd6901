// SPDX-License-Identifier: GPL-2.0
/*
 * Small files of sysfs and proc.
 */
#include <fcntl.h>

#include "lib/vm.h"

/* Bytes read, without the last newline, or -1. */
int file_read(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -1;
	n = read(fd, buf, size - 1);
	close(fd);
	if (n < 0)
		return -1;
	if (n && buf[n - 1] == '\n')
		n--;
	buf[n] = 0;
	return n;
}

/* 0 or the errno. */
int file_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int err = 0;

	if (fd < 0)
		return errno;
	if (write(fd, text, strlen(text)) < 0)
		err = errno;
	close(fd);
	return err;
}

#define PARAMETERS "/sys/module/umbra/parameters/"

bool umbra_param(const char *name, char *path, size_t size)
{
	const char *base = strrchr(dev_path(), '/');
	char node[64];

	if (file_read(PARAMETERS "node", node, sizeof(node)) < 0 || !base ||
	    strcmp(base + 1, node))
		return false;
	snprintf(path, size, PARAMETERS "%s", name);
	return !access(path, F_OK);
}

bool is_umbra(void)
{
	char path[128];

	return umbra_param("node", path, sizeof(path));
}
