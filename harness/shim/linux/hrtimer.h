/* STUB: timers that never expire. */
/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_LINUX_HRTIMER_H
#define _SHIM_LINUX_HRTIMER_H

#include <linux/ktime.h>

#include <time.h>

enum hrtimer_restart { HRTIMER_NORESTART, HRTIMER_RESTART };
enum hrtimer_mode { HRTIMER_MODE_ABS_HARD };

struct hrtimer {
	ktime_t expires;
	enum hrtimer_restart (*function)(struct hrtimer *timer);
};

static inline void hrtimer_init(struct hrtimer *timer, clockid_t clock,
				enum hrtimer_mode mode)
{
	(void)clock;
	(void)mode;
	timer->expires = 0;
}

static inline void hrtimer_set_expires(struct hrtimer *timer, ktime_t at)
{
	timer->expires = at;
}

static inline ktime_t hrtimer_get_expires(const struct hrtimer *timer)
{
	return timer->expires;
}

static inline void hrtimer_start(struct hrtimer *timer, ktime_t at,
				 enum hrtimer_mode mode)
{
	(void)mode;
	timer->expires = at;
}

static inline int hrtimer_try_to_cancel(struct hrtimer *timer)
{
	timer->expires = 0;
	return 0;
}

static inline int hrtimer_cancel(struct hrtimer *timer)
{
	return hrtimer_try_to_cancel(timer);
}

#endif
