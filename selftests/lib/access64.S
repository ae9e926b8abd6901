/* SPDX-License-Identifier: GPL-2.0 */
#define BITS 64
#include "lib/access.inc.S"
