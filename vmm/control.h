/* SPDX-License-Identifier: GPL-2.0 */
/* The main thread: signals, time, and the end of the guest. */
#ifndef PENUMBRA_CONTROL_H
#define PENUMBRA_CONTROL_H

#include "vm.h"

enum control_event {
	CONTROL_TIMEOUT,
	CONTROL_ENDED,		/* the guest is over */
	CONTROL_INTERRUPT,	/* SIGINT, SIGTERM, SIGHUP */
	CONTROL_MIGRATE,	/* SIGUSR1 */
};

/* Call before the first thread is made; signals come here from then on. */
void control_init(void);

/* Wait for something to happen, @ms milliseconds at most; -1: for ever. */
enum control_event control_wait(struct vm *vm, int64_t ms);

/* Readable when a signal came; -1 before control_init(). */
int control_fd(void);
/* Take in signals without waiting; true once the user wants to stop. */
bool control_interrupted(void);

/*
 * Watch the guest, which was set going: ask it to finish after @for_ms (-1: never), and stop it.
 * Return the exit status for the process.
 */
int control_run_guest(struct vm *vm, int64_t for_ms);

#endif
