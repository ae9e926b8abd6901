// SPDX-License-Identifier: GPL-2.0
/*
 * Pages for tables, in an arena of our own. A free one cannot be touched at
 * all, so any use after free ends the test, in every build.
 */
#include "world.h"

#include <umbra/host.h>
#include <umbra/iter.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static u64 (*arena)[UM_TABLE_ENTRIES];
static struct rcu_head heads[TABLES];
static atomic64_t *counter[TABLES];
static bool used[TABLES];
static int free_stack[TABLES], nr_free_tables;
static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER;
int tables_in_use;
/* Others' pages that are guarded alike. */
static u64 guard_start, guard_bytes;

void tables_guard(void *start, size_t bytes)
{
	guard_start = (u64)start;
	guard_bytes = bytes;
}

static void on_fault(int sig, siginfo_t *info, void *context)
{
	static const char said[] = "not ok - a freed table was used\n";

	if ((u64)info->si_addr - (u64)arena >= TABLES * UM_PAGE_SIZE &&
	    (u64)info->si_addr - guard_start >= guard_bytes) {
		signal(sig, SIG_DFL); /* and again */
		return;
	}
	if (write(STDOUT_FILENO, said, sizeof(said) - 1) < 0)
		abort();
	_exit(1);
}

void tables_init(void)
{
	struct sigaction action = {
		.sa_sigaction = on_fault,
		.sa_flags = SA_SIGINFO,
	};
	int i;

	if (arena)
		return;
	arena = mmap(NULL, TABLES * UM_PAGE_SIZE, PROT_NONE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (arena == MAP_FAILED || sigaction(SIGSEGV, &action, NULL))
		abort();
	for (i = 0; i < TABLES; i++)
		free_stack[nr_free_tables++] = i;
}

static int table_index(const u64 *table)
{
	return (u64(*)[UM_TABLE_ENTRIES])table - arena;
}

bool table_is_used(const u64 *table)
{
	return used[table_index(table)];
}

u64 *um_table_alloc(void)
{
	u64 *table = NULL;

	shim_may_sleep("um_table_alloc");
	shim_yield();
	if (shim_alloc_fails())
		return NULL;
	pthread_mutex_lock(&table_lock);
	if (nr_free_tables) {
		int i = free_stack[--nr_free_tables];

		table = arena[i];
		used[i] = true;
		tables_in_use++;
	}
	pthread_mutex_unlock(&table_lock);
	if (table && mprotect(table, UM_PAGE_SIZE, PROT_READ | PROT_WRITE))
		abort();
	if (table)
		memset(table, 0, UM_PAGE_SIZE);
	return table;
}

void um_table_free(u64 *table)
{
	int i = table_index(table);

	if ((unsigned int)i >= TABLES) {
		pdpt_free(table);
		return;
	}

	/* ThreadSanitizer takes this for a race with any user. */
	memset(table, 0, UM_PAGE_SIZE);
	if (mprotect(table, UM_PAGE_SIZE, PROT_NONE))
		abort();
	pthread_mutex_lock(&table_lock);
	used[i] = false;
	tables_in_use--;
	free_stack[nr_free_tables++] = i;
	pthread_mutex_unlock(&table_lock);
}

static void free_after_grace(struct rcu_head *head)
{
	u64 *table = arena[head - heads];
	int i;

	for (i = 0; i < UM_TABLE_ENTRIES; i++)
		if (table[i] != UM_SPTE_DEAD)
			world_bug("freed table holds %llx", table[i]);
	um_table_free(table);
	atomic64_dec(counter[head - heads]);
}

void um_table_free_rcu(u64 *table, atomic64_t *waiting)
{
	struct um_tlb *tlb = &world_newest->mmu.tlb;

	/* With many threads, the debt may be another one's. */
	if (!shim_yields &&
	    atomic64_read(&tlb->owed) != atomic64_read(&tlb->paid))
		world_bug("a table is given up before its debt is paid");
	counter[table_index(table)] = waiting;
	call_rcu(&heads[table_index(table)], free_after_grace);
}

void um_table_free_barrier(void)
{
	rcu_barrier();
}
