// SPDX-License-Identifier: GPL-2.0
/*
 * The harness itself must notice: a wrong order of locks, sleep where none may
 * be, a table that is used after it was freed, a flush that was forgotten.
 */
#include "unit.h"

#include <linux/spinlock.h>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

/* How many complaints since @said; they are forgiven. */
static int complaints(int said)
{
	int n = shim_warnings() - said;

	shim_forgive(n);
	return n;
}

static void lock_order(void)
{
	int said = shim_warnings();
	spinlock_t one, two, low, high;
	u64 taken = shim_locks_taken;

	spin_lock_init(&one);
	spin_lock_init(&two);
	spin_lock_init(&low);
	spin_lock_init(&high);
	spin_lock_nested(&one, 1);
	spin_lock_nested(&two, 2);
	CHECK(shim_locks_held() == 2);
	spin_unlock(&one);
	spin_unlock(&two);
	CHECK(complaints(said) == 0);
	/* Others than above: ThreadSanitizer has a view of its own. */
	spin_lock_nested(&high, 2);
	spin_lock_nested(&low, 1);
	spin_unlock(&low);
	CHECK(complaints(said) == 1);
	spin_lock_nested(&low, 2);
	spin_unlock(&low);
	CHECK(complaints(said) == 1);
	spin_unlock(&high);
	spin_unlock(&high);
	CHECK(complaints(said) == 1);
	CHECK(!shim_locks_held());
	CHECK(shim_locks_taken == taken + 5);
}

static void no_sleep(void)
{
	int said = shim_warnings();
	spinlock_t lock;

	spin_lock_init(&lock);
	rcu_read_lock();
	um_host_relax();
	rcu_read_unlock();
	CHECK(complaints(said) == 1);
	spin_lock(&lock);
	um_table_free(um_table_alloc());
	spin_unlock(&lock);
	CHECK(complaints(said) == 1);
}

static int called;

static void call(struct rcu_head *head)
{
	__atomic_fetch_add(&called, 1, __ATOMIC_SEQ_CST);
}

static void grace_period(void)
{
	struct rcu_head one, two;

	rcu_read_lock();
	call_rcu(&one, call);
	call_rcu(&two, call);
	usleep(2000);
	CHECK(__atomic_load_n(&called, __ATOMIC_SEQ_CST) == 0);
	rcu_read_unlock();
	rcu_barrier();
	CHECK(__atomic_load_n(&called, __ATOMIC_SEQ_CST) == 2);
}

static void use_after_free(void)
{
	u64 *table = um_table_alloc();
	int status;
	pid_t pid;

	um_table_free(table);
	pid = fork();
	if (!pid) {
		close(STDOUT_FILENO);
		dup2(open("/dev/null", O_WRONLY), STDOUT_FILENO);
		WRITE_ONCE(table[7], 0);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 1);
}

/* The host takes the frame; nobody tells the CPU. */
static void forgotten_flush(void)
{
	struct world *world = world_new(UM_FAST_TAG, true, false);
	struct cpu *cpu = &world->cpu[0];
	int said = shim_warnings();

	touch(world, GFN, UM_ACC_W);
	um_mmu_unmap(&world->mmu, world->slots[0], GFN, GFN + 1);
	cpu->seen = um_tlb_owed(&world->mmu.tlb);
	um_tlb_pay(&world->mmu);
	host_migrate(world, GFN);
	cpu->seen = um_tlb_owed(&world->mmu.tlb);
	cpu_enter(cpu);
	CHECK(cpu_access(cpu, GFN, UM_ACC_W));
	cpu_leave(cpu);
	CHECK(complaints(said) == 1);
	finish(world);
}

static void ordered_failures(void)
{
	struct world *world = world_new(UM_FAST_TAG, true, false);

	shim_alloc_fail = 1024;
	CHECK(fault(world, GFN, UM_ACC_R, NULL) == UM_PF_NOMEM);
	shim_alloc_fail = 0;
	CHECK(fault(world, GFN, UM_ACC_R, NULL) == UM_PF_FIXED);
	finish(world);
}

int main(void)
{
	unit_start();
	tables_init();
	UNIT(lock_order);
	UNIT(no_sleep);
	UNIT(grace_period);
	UNIT(use_after_free);
	UNIT(forgotten_flush);
	UNIT(ordered_failures);
	return tap_done();
}
