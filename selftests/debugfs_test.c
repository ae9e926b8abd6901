// SPDX-License-Identifier: GPL-2.0
/*
 * What umbra shows of a VM in debugfs, while the VM runs and when it goes, and
 * its audit on demand.
 */
#include <dirent.h>
#include <fcntl.h>
#include <sys/mount.h>

#include "kselftest_harness.h"
#include "lib/vm.h"
#include "uapi/umbra.h"

#define NPAGES 256ul
#define SIZE (NPAGES * PAGE_SIZE)
#define LOG KVM_MEM_LOG_DIRTY_PAGES
#define DEBUGFS "/sys/kernel/debug"

static const char *const files[] = { "tables", "claims", "rmap", "debts",
				     "locks", "stalls", "audit", "measure" };

FIXTURE(debugfs) {
	struct vm *vm;
	char dir[64];
	char text[1 << 16];
	bool there;
};

ENGINE_VARIANTS(debugfs);

FIXTURE_SETUP(debugfs)
{
	char path[128];

	ENGINE_CHOOSE();
	if (!umbra_param("fastpath", path, sizeof(path)))
		return;
	if (access(DEBUGFS "/umbra", F_OK))
		mount("debugfs", DEBUGFS, "debugfs", 0, NULL);
	self->there = !access(DEBUGFS "/umbra", F_OK);
	if (!self->there)
		return;
	self->vm = vm_boot_remote(2);
	/* With PML no write to a logged page faults. */
	ASSERT_EQ(0, vm_enable_cap(self->vm, UM_CAP_LOG_MODE,
				   UM_LOG_MODE_WRPROT));
	vm_add_mem(self->vm, MEM_SLOT, LOG, MEM_GPA, SIZE);
	snprintf(self->dir, sizeof(self->dir), DEBUGFS "/umbra/%d-%d",
		 getpid(), self->vm->fd);
}

FIXTURE_TEARDOWN(debugfs)
{
	if (self->vm)
		vm_free(self->vm);
}

static int open_file(const char *dir, const char *name, int flags)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return open(path, flags);
}

/* The whole file; its length, or -errno. */
static int slurp(const char *dir, const char *name, char *text, size_t size)
{
	int fd = open_file(dir, name, O_RDONLY);
	size_t len = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	while ((n = read(fd, text + len, size - 1 - len)) > 0)
		len += n;
	close(fd);
	text[len] = 0;
	return n < 0 ? -errno : (int)len;
}

static int measure(const char *dir, const char *value)
{
	int fd = open_file(dir, "measure", O_WRONLY);
	int err = fd < 0 || write(fd, value, strlen(value)) < 0 ? errno : 0;

	close(fd);
	return err;
}

#define SLURP(name) slurp(self->dir, name, self->text, sizeof(self->text))
#define NEEDS_DEBUGFS()                                              \
	do {                                                         \
		if (!self->there)                                    \
			SKIP(return, "not umbra, or no debugfs"); \
	} while (0)

TEST_F(debugfs, every_file_reads)
{
	struct vcpu *vcpu = &self->vm->vcpus[0];
	unsigned long long gfn, pages, sum = 0;
	u64 bits[NPAGES / 64];
	char *line;
	int i;

	NEEDS_DEBUGFS();
	remote_do(vcpu, REMOTE_FILL, MEM_GPA, 1, NPAGES);
	ASSERT_EQ(0, vm_dirty_log(self->vm, MEM_SLOT, bits));
	remote_do(vcpu, REMOTE_FILL, MEM_GPA, 2, NPAGES);
	for (i = 0; i < ARRAY_SIZE(files); i++)
		EXPECT_GT(SLURP(files[i]), 0) {
			TH_LOG("file %d: %s", i, strerror(errno));
		}
	ASSERT_GT(SLURP("claims"), 0);
	EXPECT_EQ(self->text + strlen(self->text) - 1,
		  strchr(self->text, '\n'));
	ASSERT_GT(SLURP("debts"), 0);
	EXPECT_NE(NULL, strstr(self->text, "vcpu 1 seen "));
	ASSERT_GT(SLURP("locks"), 0);
	EXPECT_NE(NULL, strstr(self->text, "untagged taken 0\n"));
	ASSERT_GT(SLURP("rmap"), 0);
	EXPECT_EQ(variant->engine == ENGINE_TDP,
		  !strcmp(self->text, "no slot has a reverse map\n"));
	if (variant->engine == ENGINE_SHADOW)
		return;
	ASSERT_GT(SLURP("tables"), 0);
	for (line = strchr(self->text, '\n'); line && line[1];
	     line = strchr(line + 1, '\n'))
		if (sscanf(line, " 0x%llx %llu 4K leaf rwxhm-- 0", &gfn,
			   &pages) == 2 && gfn >= MEM_GPA / PAGE_SIZE)
			sum += pages;
	EXPECT_EQ(NPAGES, sum) {
		TH_LOG("%s", self->text);
	}
}

TEST_F(debugfs, stalls_when_asked)
{
	struct vcpu *vcpu = &self->vm->vcpus[0];
	u64 bits[NPAGES / 64];

	NEEDS_DEBUGFS();
	remote_do(vcpu, REMOTE_FILL, MEM_GPA, 1, NPAGES);
	ASSERT_GT(SLURP("stalls"), 0);
	EXPECT_EQ(NULL, strstr(self->text, "fault"));
	EXPECT_EQ(EINVAL, measure(self->dir, "2"));
	ASSERT_EQ(0, measure(self->dir, "1"));
	ASSERT_EQ(0, vm_dirty_log(self->vm, MEM_SLOT, bits));
	remote_do(vcpu, REMOTE_FILL, MEM_GPA, 2, NPAGES);
	ASSERT_GT(SLURP("stalls"), 0);
	EXPECT_NE(NULL, strstr(self->text, "fast fault ticks < ")) {
		TH_LOG("%s", self->text);
	}
	EXPECT_EQ(NULL, strstr(self->text, "not measured"));
	ASSERT_EQ(0, measure(self->dir, "0"));
}

TEST_F(debugfs, audit)
{
	struct vcpu_thread t = { 0 };
	int fd = self->there ? self->vm->fd : -1, i, busy = 0;

	NEEDS_DEBUGFS();
	remote_do(&self->vm->vcpus[0], REMOTE_FILL, MEM_GPA, 1, NPAGES);
	ASSERT_GT(SLURP("audit"), 0);
	EXPECT_EQ(0, strncmp(self->text, "sound: ", 7)) {
		TH_LOG("%s", self->text);
	}
	EXPECT_EQ(0, KERR(fd, UM_AUDIT, 0));
	EXPECT_EQ(0, KERR(fd, UM_AUDIT, UM_AUDIT_QUIET));
	EXPECT_EQ(EINVAL, KERR(fd, UM_AUDIT, 2));
	EXPECT_EQ(EINVAL, KERR(fd, UM_AUDIT, ~0ul));
	/* A vCPU that runs is not quiet; the other form does not mind. */
	vcpu_thread_start(&t, &self->vm->vcpus[1]);
	for (i = 0; i < 2000 && !busy; i++) {
		busy = KERR(fd, UM_AUDIT, UM_AUDIT_QUIET);
		EXPECT_EQ(0, KERR(fd, UM_AUDIT, 0));
	}
	EXPECT_EQ(EBUSY, busy);
	vcpu_thread_stop(&t);
	EXPECT_EQ(0, KERR(fd, UM_AUDIT, UM_AUDIT_QUIET));
}

static volatile int reading;

struct reader {
	const char *dir;
	u64 reads;
};

static void *read_on(void *arg)
{
	struct reader *r = arg;
	static char text[1 << 16];
	int i;

	while (reading)
		for (i = 0; i < ARRAY_SIZE(files); i++)
			r->reads += slurp(r->dir, files[i], text,
					  sizeof(text)) > 0;
	return NULL;
}

/* The tree changes under the readers: slots come and go, pages are taken. */
TEST_F(debugfs, read_while_it_changes)
{
	struct reader r = { .dir = self->dir };
	struct vcpu *vcpu;
	pthread_t thread;
	u8 *mem;
	int i;

	NEEDS_DEBUGFS();
	vcpu = &self->vm->vcpus[0];
	mem = vm_add_mem(self->vm, 2, 0, MEM_GPA + SIZE, SIZE);
	reading = 1;
	ASSERT_EQ(0, pthread_create(&thread, NULL, read_on, &r));
	for (i = 0; i < 16; i++) {
		remote_do(vcpu, REMOTE_FILL, MEM_GPA, i, 2 * NPAGES);
		ASSERT_EQ(0, madvise(mem, SIZE, MADV_DONTNEED));
		vm_slot(self->vm, 2, 0, MEM_GPA + SIZE, 0, NULL);
		vm_slot(self->vm, 2, 0, MEM_GPA + SIZE, SIZE, mem);
	}
	reading = 0;
	pthread_join(thread, NULL);
	EXPECT_GE(r.reads, ARRAY_SIZE(files));
	ASSERT_GT(SLURP("audit"), 0);
	EXPECT_EQ(0, strncmp(self->text, "sound: ", 7));
}

/* An open file does not keep the VM; it reads no more when that is gone. */
TEST_F(debugfs, gone_with_the_vm)
{
	int fd[ARRAY_SIZE(files)], i;
	char byte;

	NEEDS_DEBUGFS();
	for (i = 0; i < ARRAY_SIZE(files); i++) {
		fd[i] = open_file(self->dir, files[i], O_RDONLY);
		ASSERT_GE(fd[i], 0);
	}
	EXPECT_EQ(1, read(fd[0], &byte, 1));
	vm_free(self->vm);
	self->vm = NULL;
	EXPECT_NE(0, access(self->dir, F_OK));
	for (i = 0; i < ARRAY_SIZE(files); i++) {
		EXPECT_EQ(-1, read(fd[i], &byte, 1));
		EXPECT_EQ(EIO, errno);
		close(fd[i]);
	}
}

TEST_HARNESS_MAIN
