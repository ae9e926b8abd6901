/* SPDX-License-Identifier: GPL-2.0 */
/* What the programs of the torture have in common: see torture_main.c. */
#ifndef _HARNESS_TORTURE_MAIN_H
#define _HARNESS_TORTURE_MAIN_H

#include <linux/types.h>

#include <pthread.h>
#include <stdbool.h>

/* @play plays an episode; a failure has been told by shim_warn() then. */
int torture_main(const char *name, void (*play)(u64 seed), int argc,
		 char **argv);

/* In an episode: let its threads run as long as they may, then stop them. */
void torture_wait(bool *stop);
/* For a lock that all read, and whose writer shall not wait long. */
void torture_pause_init(pthread_rwlock_t *lock);

#endif
