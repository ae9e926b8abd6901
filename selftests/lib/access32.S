/* SPDX-License-Identifier: GPL-2.0 */
#define BITS 32
#include "lib/access.inc.S"
