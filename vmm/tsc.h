/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The guests' time-stamp counter across hosts: where it was at a moment of the
 * real time that all hosts agree on.
 */
#ifndef PENUMBRA_TSC_H
#define PENUMBRA_TSC_H

#include "vm.h"
#include "wire.h"

/* Both read at once. */
struct tsc_moment {
	uint64_t tsc;		/* of this host */
	uint64_t real_ns;
};

struct tsc_moment tsc_now(void);
/* False if the device can not tell; the MSR must do then. */
bool tsc_save(struct vcpu *v, struct wire_tsc *out);
/* As if the guest had not stopped meanwhile; 0, or -1 and errno. */
int tsc_load(struct vcpu *v, const struct wire_tsc *in);

#endif
