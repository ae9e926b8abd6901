/* COPY: the ABI's header, as user space has it. */
/* SPDX-License-Identifier: GPL-2.0 */
#include_next <linux/kvm.h>
