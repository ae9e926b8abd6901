/* STUB: a type; a CPU is a thread. */
/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_LINUX_PREEMPT_H
#define _SHIM_LINUX_PREEMPT_H

struct preempt_notifier {
	void *unused;
};

#define DECLARE_PER_CPU(type, name) extern __thread __typeof__(type) name
#define this_cpu_read(name) (name)
/* No thread is an interrupt. */
#define in_task() 1

#endif
