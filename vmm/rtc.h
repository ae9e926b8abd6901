/* SPDX-License-Identifier: GPL-2.0 */
/* An MC146818 that tells the host's time in UTC and can not be set. */
#ifndef PENUMBRA_RTC_H
#define PENUMBRA_RTC_H

#include <stdint.h>

#define RTC_CENTURY 0x32	/* the register that has it */

uint8_t rtc_read(uint8_t reg);

#endif
