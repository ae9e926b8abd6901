/* SPDX-License-Identifier: GPL-2.0 */
/* The state of a vCPU, as a sequence of struct wire_state. */
#ifndef PENUMBRA_STATE_H
#define PENUMBRA_STATE_H

#include "vm.h"

#define STATE_MAX (256U << 10)

/*
 * The vCPU must be parked. Return the length of what was put in @buf (STATE_MAX
 * bytes), or -1 with the reason in @err.
 */
int64_t state_save(struct vcpu *v, uint8_t *buf, char *err, size_t errlen);

/* Set what @buf holds; 0, or -1 with the reason in @err. */
int state_load(struct vcpu *v, const uint8_t *buf, size_t len, char *err,
	       size_t errlen);

#endif
