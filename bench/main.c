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
#include <sys/wait.h>
#include <unistd.h>
#include <umbra.h>

#include "bench.h"

static const struct group groups[] = {
	{ "exits", "CPUID, port write to user space and back", exits_run },
	{ "touch-4k", "first touch of 4K pages", touch_4k_run },
	{ "touch-2m", "first touch of 2M pages", touch_2m_run },
	{ "log", "dirty log: enable, write fault, harvest, disable", log_run },
	{ "log-2m", "dirty log: enable and disable on 2M pages", log_2m_run },
	{ "clear", "dirty log cleared by hand", clear_run },
	{ "clear-first", "all pages dirty at first, and the first CLEAR",
	  clear_first_run },
	{ "ring", "dirty rings: push, reset", ring_run },
	{ "modes", "write fault in each mode of umbra's fast path", modes_run },
	{ "density", "write and harvest by share of dirty pages", density_run },
	{ "threads", "CLEAR by one thread and by one on each CPU", threads_run },
	{ "footprint", "memory that mapping and logging takes", footprint_run },
	{ "unmap", "MMU notifier: unmapping guest pages", unmap_run },
	{ "life", "VM with one vCPU made and destroyed", life_run },
	{ "paged-touch", "first touch of pages the guest's 4K tables map",
	  paged_touch_run },
	{ "paged-log", "as log, through 4K tables", paged_log_run },
	{ "paged-clear", "as clear, through 4K tables", paged_clear_run },
	{ "paged-modes", "as modes, through 4K tables", paged_modes_run },
	{ "paged-unmap", "as unmap, through 4K tables", paged_unmap_run },
	{ "paged-edit", "the guest writes its tables; INVLPG", paged_edit_run },
	{ "paged-roots", "the guest loads CR3", paged_roots_run },
	{ "storm", "two vCPUs fork and copy on write under a harvest",
	  storm_run },
	{ "irq", "interrupts of one vCPU: injected, ended; its timer", irq_run },
	{ "ipi", "interrupts from another CPU", ipi_run },
};

#define NR_GROUPS	(sizeof(groups) / sizeof(groups[0]))

static const struct argp_option options[] = {
	{ "device", 'd', "NODE", 0, "KVM device (default /dev/kvm)", 0 },
	{ "out", 'o', "FILE", 0, "result file (default: standard output)", 0 },
	{ "group", 'g', "NAME", 0,
	  "run this group only; may be given several times", 0 },
	{ "log", 'l', "MODE", 0,
	  "umbra's log mode: wrprot, pml or dbit (default: the module's)", 0 },
	{ "type", 't', "ENGINE", 0,
	  "type of the VMs: tdp or shadow, which umbra has (default: 0)", 0 },
	{ "pages", 'p', "NR", 0,
	  "operations in a window, a multiple of 64 up to 4096 "
	  "(default 1024)", 0 },
	{ "rounds", 'r', "NR", 0, "windows of each kind (default 5)", 0 },
	{ "mark", 'm', NULL, 0,
	  "put an xchg %bx,%bx around each window, where the emulator stops",
	  0 },
	{ "list", 'L', NULL, 0, "list the groups", 0 },
	{ 0 }
};

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
		printf("%-12s %s\n", groups[i].name, groups[i].what);
}

static const struct group *find_group(const char *name)
{
	for (unsigned int i = 0; i < NR_GROUPS; i++)
		if (!strcmp(name, groups[i].name))
			return &groups[i];
	return NULL;
}

static void add_group(struct argp_state *state, const char *name)
{
	struct bench *b = state->input;
	unsigned int n = 0;

	if (!find_group(name))
		argp_error(state, "no group %s; --list names them", name);
	while (b->only[n])
		n++;
	if (n == GROUPS_MAX - 1)
		argp_error(state, "too many groups");
	b->only[n] = name;
}

static int log_mode(struct argp_state *state, const char *name)
{
	static const char *const names[] = {
		[UM_LOG_MODE_WRPROT] = "wrprot",
		[UM_LOG_MODE_PML] = "pml",
		[UM_LOG_MODE_DBIT] = "dbit",
	};

	for (int i = 0; i <= UM_LOG_MODE_DBIT; i++)
		if (!strcmp(name, names[i]))
			return i;
	argp_error(state, "no log mode %s", name);
	return -1;
}

static unsigned long vm_type(struct argp_state *state, const char *name)
{
	if (!strcmp(name, "tdp"))
		return UM_VM_TYPE_TDP;
	if (strcmp(name, "shadow"))
		argp_error(state, "no type %s", name);
	return UM_VM_TYPE_SHADOW;
}

static bool is_wanted(const struct bench *b, const struct group *g)
{
	for (unsigned int n = 0; b->only[n]; n++)
		if (!strcmp(b->only[n], g->name))
			return true;
	return !b->only[0];
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
		add_group(state, arg);
		break;
	case 'p':
		b->pages = number(state, arg, 4096);
		if (b->pages % 64)
			argp_error(state, "%s is no multiple of 64", arg);
		break;
	case 'r':
		b->rounds = number(state, arg, ROUNDS_MAX);
		break;
	case 'l':
		b->log = log_mode(state, arg);
		break;
	case 't':
		b->type = vm_type(state, arg);
		break;
	case 'm':
		b->mark = true;
		break;
	case ARGP_KEY_END:
		b->huge = (b->pages + 63) / 64;
		break;
	case 'L':
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

/* Returns how many failed. */
static unsigned int run_groups(struct bench *b)
{
	unsigned int failed = 0;

	if (b->log >= 0 && !(bench_has_cap(b, UM_CAP_LOG_MODE) >> b->log & 1)) {
		report_skip(b, "all", "the device has no such log mode");
		return 0;
	}
	if (b->type && !(bench_has_cap(b, UM_CAP_VM_TYPES) >>
			 (b->type - UM_BASE) & 1))
		errx(1, "%s has no VMs of that type", b->device);
	for (unsigned int i = 0; i < NR_GROUPS; i++)
		if (is_wanted(b, &groups[i]))
			failed += run_group(b, &groups[i]) != 0;
	return failed;
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		.options = options, .parser = parse,
		.doc = "Measure what the operations of a KVM device cost.",
	};
	struct bench b = {
		.device = "/dev/kvm", .pages = 1024, .rounds = 5,
		.log = -1, .out = stdout,
	};
	unsigned int failed;

	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &b);
	b.dev_fd = open(b.device, O_RDWR | O_CLOEXEC);
	if (b.dev_fd < 0)
		err(1, "%s", b.device);
	if (b.out_path)
		b.out = fopen(b.out_path, "we");
	if (!b.out)
		err(1, "%s", b.out_path);
	report_run(&b);
	failed = run_groups(&b);
	if (fflush(b.out) || ferror(b.out))
		err(1, "%s", b.out_path);
	return failed != 0;
}
