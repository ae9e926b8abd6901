/* SPDX-License-Identifier: GPL-2.0 */
/* XXH64: a fast 64-bit checksum for records and for whole memories. */
#ifndef PENUMBRA_DIGEST_H
#define PENUMBRA_DIGEST_H

#include "vm.h"

uint64_t digest64(const void *data, size_t len, uint64_t seed);
/* Over all of the guest's memory; only of use while the vCPUs stand still. */
uint64_t digest_memory(const struct vm *vm);

#endif
