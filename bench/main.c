// SPDX-License-Identifier: GPL-2.0
/*
 * umbra-bench: what the operations of a KVM device cost, in ticks of the time
 * stamp counter. The same program runs on /dev/kvm and on /dev/umbra in one
 * boot; bench/table joins the two files into ratios.
 *
 * Each group runs in a process of its own: one that fails leaves the others'
 * figures whole, and makes the exit status 1.
 */
#include <argp.h>
#include <err.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

static const struct group groups[] = {
	{ "exits", "CPUID, port write to user space and back", exits_run },
	{ "touch-4k", "first touch of 4K pages", touch_4k_run },
	{ "touch-2m", "first touch of 2M pages", touch_2m_run },
	{ "log", "dirty log: enable, write fault, harvest, disable", log_run },
	{ "unmap", "MMU notifier: unmapping guest pages", unmap_run },
	{ "life", "VM with one vCPU made and destroyed", life_run },
};

#define NR_GROUPS	(sizeof(groups) / sizeof(groups[0]))

static const struct argp_option options[] = {
	{ "device", 'd', "NODE", 0, "KVM device (default /dev/kvm)", 0 },
	{ "out", 'o', "FILE", 0, "result file (default: standard output)", 0 },
	{ "group", 'g', "NAME", 0, "run this group only", 0 },
	{ "pages", 'p', "NR", 0,
	  "operations in a window, a multiple of 64 up to 4096 "
	  "(default 1024)", 0 },
	{ "rounds", 'r', "NR", 0, "windows of each kind (default 5)", 0 },
	{ "mark", 'm', NULL, 0,
	  "put an xchg %bx,%bx around each window, where the emulator stops",
	  0 },
	{ "list", 'l', NULL, 0, "list the groups", 0 },
	{ 0 }
};

/* Page-aligned memory of 4K pages only, each present in the host. */
void *memory_new(size_t size, size_t align)
{
	char *all, *memory;

	all = mmap(NULL, size + align, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (all == MAP_FAILED)
		err(1, "mmap of %zu bytes", size);
	memory = (char *)(((uintptr_t)all + align - 1) & -align);
	if (memory > all)
		munmap(all, memory - all);
	munmap(memory + size, all + align - memory);
	/* Fails where the kernel knows no huge pages: as good. */
	madvise(memory, size, MADV_NOHUGEPAGE);
	memset(memory, 0, size);
	return memory;
}

static unsigned int number(struct argp_state *state, const char *arg,
			   unsigned long max)
{
	char *end;
	unsigned long value = strtoul(arg, &end, 10);

	if (*end || !value || value > max)
		argp_error(state, "%s is no number from 1 to %lu", arg, max);
	return value;
}

static void list_groups(void)
{
	for (unsigned int i = 0; i < NR_GROUPS; i++)
		printf("%-10s %s\n", groups[i].name, groups[i].what);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct bench *b = state->input;

	switch (key) {
	case 'd':
		b->device = arg;
		break;
	case 'o':
		b->out_path = arg;
		break;
	case 'g':
		b->only = arg;
		break;
	case 'p':
		b->pages = number(state, arg, 4096);
		if (b->pages % 64)
			argp_error(state, "%s is no multiple of 64", arg);
		break;
	case 'r':
		b->rounds = number(state, arg, ROUNDS_MAX);
		break;
	case 'm':
		b->mark = true;
		break;
	case 'l':
		list_groups();
		exit(0);
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static int run_group(struct bench *b, const struct group *g)
{
	int status;
	pid_t pid;

	fflush(b->out);
	pid = fork();
	if (pid < 0)
		err(1, "fork");
	if (!pid) {
		g->run(b);
		fflush(b->out);
		_exit(ferror(b->out) != 0);
	}
	if (waitpid(pid, &status, 0) != pid)
		err(1, "waitpid");
	if (status) {
		warnx("group %s failed on %s", g->name, b->device);
		report_failure(b, g->name, status);
	}
	return status;
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		.options = options, .parser = parse,
		.doc = "Measure what the operations of a KVM device cost.",
	};
	struct bench b = {
		.device = "/dev/kvm", .pages = 1024, .rounds = 5,
		.out = stdout,
	};
	unsigned int failed = 0, run = 0;

	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &b);
	b.dev_fd = open(b.device, O_RDWR | O_CLOEXEC);
	if (b.dev_fd < 0)
		err(1, "%s", b.device);
	if (b.out_path)
		b.out = fopen(b.out_path, "we");
	if (!b.out)
		err(1, "%s", b.out_path);
	report_run(&b);
	for (unsigned int i = 0; i < NR_GROUPS; i++) {
		if (b.only && strcmp(b.only, groups[i].name))
			continue;
		failed += run_group(&b, &groups[i]) != 0;
		run++;
	}
	if (!run)
		errx(1, "no group %s", b.only);
	if (fflush(b.out) || ferror(b.out))
		err(1, "%s", b.out_path);
	return failed != 0;
}
