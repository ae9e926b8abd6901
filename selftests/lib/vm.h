/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The host side: a VM with its slots, vCPUs that run to the next
 * call of the guest, threads for them, statistics, module parameters.
 *
 * Helpers that cannot fail in a correct run end the test process with a
 * sentence (REQUIRE). They may be used in every thread; the test's own
 * expectations belong to the harness macros in the main thread.
 */
#ifndef SELFTEST_VM_H
#define SELFTEST_VM_H

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <linux/kvm.h>

#include "lib/guest.h"

#define VM_MAX_VCPUS 8
#define VM_MAX_SLOTS 16

/* Guest-physical map of slot 0; test memory starts at MEM_GPA. */
#define GDT_GPA 0x1000ul
#define IDT_GPA 0x2000ul
#define TSS_GPA 0x3000ul
#define PML4_GPA 0x4000ul
#define PDPT_GPA 0x5000ul
#define PD_GPA 0x6000ul		/* four pages: 4 GiB in 2 MiB leaves */
#define STACK_GPA 0x20000ul
#define STACK_SIZE 0x4000ul
#define PT_GPA 0x40000ul		/* pages for vm_map(), gpt_page() */
#define PT_END 0x100000ul
#define MEM_GPA 0x10000000ul
#define MEM_SLOT 1

struct slot {
	u32 id, flags;
	u64 gpa, size;
	void *hva;
};

struct vcpu {
	struct vm *vm;
	int fd, id;
	struct kvm_run *run;
	size_t run_size;
};

struct vm {
	int dev, fd;
	u8 *ram;			/* slot 0, gpa 0 */
	u64 ram_size;
	u64 next_pt;
	int nr_slots, nr_vcpus;
	struct slot slots[VM_MAX_SLOTS];
	struct vcpu vcpus[VM_MAX_VCPUS];
};

#define REQUIRE(cond, fmt, args...) do {				\
	if (!(cond))							\
		require_failed(__FILE__, __LINE__, #cond, fmt, ##args);	\
} while (0)
void require_failed(const char *file, int line, const char *cond,
		    const char *fmt, ...)
	__attribute__((noreturn, format(printf, 4, 5)));

/* device and ioctl */
const char *dev_path(void);
int dev_open(void);
int kvm_ioctl(int fd, unsigned long nr, unsigned long arg);
#define KIOCTL(fd, nr, arg) kvm_ioctl(fd, nr, (unsigned long)(arg))
/* The errno of an ioctl, or 0 when it did not fail. */
#define KERR(fd, nr, arg) (KIOCTL(fd, nr, arg) < 0 ? errno : 0)

/* VM */
struct vm *vm_create(void);		/* no slots, no vCPUs */
struct vm *vm_create_mem(void);		/* slot 0 with the program, no vCPUs */
struct vm *vm_boot(int nr_vcpus, void (*guest)(void));
struct vm *vm_boot_rings(int nr_vcpus, void (*guest)(void), u32 ring_bytes);
void vm_free(struct vm *vm);
void *mem_alloc(size_t size, size_t align);
int vm_set_slot(struct vm *vm, u32 id, u32 flags, u64 gpa, u64 size,
		void *hva);		/* errno or 0 */
void *vm_add_mem(struct vm *vm, u32 id, u32 flags, u64 gpa, u64 size);
void vm_slot(struct vm *vm, u32 id, u32 flags, u64 gpa, u64 size, void *hva);
void vm_map(struct vm *vm, u64 gva, u64 gpa);
/* These return errno or 0. */
int vm_dirty_log(struct vm *vm, u32 slot, void *bitmap);
int vm_clear_log(struct vm *vm, u32 slot, u64 first, u32 n,
		 const void *bitmap);
int vm_enable_cap(struct vm *vm, u32 nr, u64 arg);

/*
 * Which engine maps the memory of the VMs that this process makes from now on.
 * A device that has but one way stands for the first.
 */
enum engine { ENGINE_TDP, ENGINE_SHADOW };
bool engine_choose(enum engine engine);	/* false: not offered */
bool vm_is_shadow(struct vm *vm);	/* by the module's choice as well */
/* KVM_X86_DISABLE_EXITS_*: what vCPUs made from now on do without an exit. */
extern u64 vm_exits_off;

/* A fixture of two variants, each of them on an engine of its own. */
#define ENGINE_VARIANTS(fixture)					\
	FIXTURE_VARIANT(fixture) { enum engine engine; };		\
	FIXTURE_VARIANT_ADD(fixture, tdp) { .engine = ENGINE_TDP };	\
	FIXTURE_VARIANT_ADD(fixture, shadow) { .engine = ENGINE_SHADOW }
#define ENGINE_CHOOSE()							\
	if (!engine_choose(variant->engine))				\
		SKIP(return, "this device has no such engine")

/* The host's address of the guest's copy of a global. */
#define GUEST_PTR(vm, sym) ((__typeof__(&(sym)))((vm)->ram + (u64)&(sym)))
#define GUEST_VAR(vm, sym)						\
	(*(volatile __typeof__(sym) *)((vm)->ram + (u64)&(sym)))

/* Dirty rings; harvesting is one thread's, in the order of the ring. */
struct ring {
	struct kvm_dirty_gfn *gfns;
	u32 size, next;
};
int rings_enable(struct vm *vm, u32 bytes);	/* errno or 0 */
void ring_map(struct ring *ring, struct vcpu *vcpu, u32 bytes);
void ring_unmap(struct ring *ring);
/* The next dirty page, marked as harvested; false: none. */
bool ring_harvest(struct ring *ring, u32 *slot, u64 *offset);
int rings_reset(struct vm *vm);			/* entries, or -errno */

/* vCPU */
struct vcpu *vcpu_add(struct vm *vm, int id);
void vcpu_setup(struct vcpu *vcpu, void (*guest)(void));
void vcpu_reset(struct vcpu *vcpu, void (*guest)(void));
void vcpu_set_arg(struct vcpu *vcpu, u64 arg0, u64 arg1);
int vcpu_run_once(struct vcpu *vcpu);	/* errno or 0 */
struct ucall *vcpu_ucall(struct vcpu *vcpu);
struct ucall *run_ucall(struct vcpu *vcpu);
void run_to_sync(struct vcpu *vcpu, u64 stage);
void run_to_done(struct vcpu *vcpu);
void run_to_exit(struct vcpu *vcpu, u32 reason);
void vcpu_regs(struct vcpu *vcpu, struct kvm_regs *regs);
void vcpu_set_regs(struct vcpu *vcpu, struct kvm_regs *regs);
void vcpu_sregs(struct vcpu *vcpu, struct kvm_sregs *sregs);
struct kvm_cpuid2 *supported_cpuid(int dev);
/* Index 0 of a leaf; NULL: not in the table. */
struct kvm_cpuid_entry2 *cpuid_leaf(struct kvm_cpuid2 *cpuid, u32 function);
const char *exit_name(u32 reason);
void exit_dump(struct vcpu *vcpu);

/* Threads that run a vCPU until the guest is done or told to stop. */
struct vcpu_thread {
	struct vcpu *vcpu;
	pthread_t thread;
	/* Called on each sync; nonzero ends the thread. May be NULL. */
	int (*on_sync)(struct vcpu_thread *t, struct ucall *call);
	void *data;
	volatile int stop;	/* set by vcpu_thread_stop() */
	volatile int ended;	/* set by the thread */
	u64 syncs;
	u64 full;		/* exits because the dirty ring was */
};
void vcpu_thread_start(struct vcpu_thread *t, struct vcpu *vcpu);
void vcpu_thread_stop(struct vcpu_thread *t);
void vcpu_thread_join(struct vcpu_thread *t);
void kick_setup(void);
void kick(pthread_t thread);
void sleep_ms(unsigned int ms);
u64 now_ms(void);

/*
 * A guest that does one access after another as the test says. remote_arm()
 * only tells it what is next, for an access that will not end in a call.
 */
enum remote_op { REMOTE_READ, REMOTE_WRITE, REMOTE_CALL, REMOTE_FILL,
		 REMOTE_SUM };
struct remote {
	u64 op, addr, value, count;
};
extern struct remote remote[VM_MAX_VCPUS];
struct vm *vm_boot_remote(int nr_vcpus);
struct vm *vm_boot_remote_rings(int nr_vcpus, u32 ring_bytes);
void remote_arm(struct vcpu *vcpu, enum remote_op op, u64 addr, u64 value,
		u64 count);
u64 remote_do(struct vcpu *vcpu, enum remote_op op, u64 addr, u64 value,
	      u64 count);
u64 remote_read(struct vcpu *vcpu, u64 addr);
void remote_write(struct vcpu *vcpu, u64 addr, u64 value);

/* statistics; names may have a prefix of their own */
int stats_read(int fd, const char *name, u64 *value);
u64 stats_get(int fd, const char *name);

/* sysfs, proc */
int file_read(const char *path, char *buf, size_t size);
int file_write(const char *path, const char *text);
/* Whether the device is umbra's, and then its module parameter's path. */
bool umbra_param(const char *name, char *path, size_t size);
/* Where KVM and umbra differ, see the test. */
bool is_umbra(void);

#endif
