// SPDX-License-Identifier: GPL-2.0
/*
 * VCPUs in threads, and how to get one out of KVM_RUN.
 *
 * A kick is SIGUSR1 with an empty handler. It may arrive just before the
 * thread enters KVM_RUN, so whoever waits for the effect kicks again.
 */
#include <time.h>

#include "lib/vm.h"

static void on_kick(int sig)
{
}

void kick_setup(void)
{
	struct sigaction action = { .sa_handler = on_kick };

	REQUIRE(!sigaction(SIGUSR1, &action, NULL), "sigaction");
}

void kick(pthread_t thread)
{
	pthread_kill(thread, SIGUSR1);
}

void sleep_ms(unsigned int ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000L };

	while (nanosleep(&ts, &ts) && errno == EINTR)
		;
}

u64 now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ul + ts.tv_nsec / 1000000;
}

static void *vcpu_main(void *arg)
{
	struct vcpu_thread *t = arg;
	struct ucall *call;
	int err;

	while (!t->stop) {
		err = vcpu_run_once(t->vcpu);
		if (err == EINTR)
			continue;
		REQUIRE(!err, "KVM_RUN of vCPU %d: errno %d", t->vcpu->id, err);
		if (t->vcpu->run->exit_reason == KVM_EXIT_DIRTY_RING_FULL) {
			t->full++;
			sleep_ms(1);
			continue;
		}
		call = vcpu_ucall(t->vcpu);
		if (!call)
			exit_dump(t->vcpu);
		REQUIRE(call, "vCPU %d left for something else", t->vcpu->id);
		REQUIRE(call->cmd == UCALL_SYNC || call->cmd == UCALL_DONE,
			"guest: %s %s:%lu: %s (%#lx, %#lx)",
			call->cmd == UCALL_TRAP ? "trap" : "assertion",
			call->cmd == UCALL_TRAP ? "" : (char *)call->arg[0],
			call->arg[1],
			call->cmd == UCALL_TRAP ? "" : (char *)call->arg[2],
			call->arg[3], call->arg[4]);
		if (call->cmd == UCALL_DONE)
			break;
		t->syncs++;
		if (t->on_sync && t->on_sync(t, call))
			break;
	}
	t->ended = 1;
	return NULL;
}

void vcpu_thread_start(struct vcpu_thread *t, struct vcpu *vcpu)
{
	kick_setup();
	t->vcpu = vcpu;
	t->stop = 0;
	t->ended = 0;
	t->syncs = 0;
	t->full = 0;
	REQUIRE(!pthread_create(&t->thread, NULL, vcpu_main, t),
		"pthread_create");
}

void vcpu_thread_join(struct vcpu_thread *t)
{
	REQUIRE(!pthread_join(t->thread, NULL), "pthread_join");
}

/* Stop wherever the guest is, and wait for it. */
void vcpu_thread_stop(struct vcpu_thread *t)
{
	t->stop = 1;
	while (!t->ended) {
		kick(t->thread);
		sleep_ms(1);
	}
	vcpu_thread_join(t);
}
