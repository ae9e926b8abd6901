// SPDX-License-Identifier: GPL-2.0
/* An MC146818 that tells the host's time in UTC and can not be set. */
#include "rtc.h"

#include <time.h>

#define RATE		0x26	/* register A: as a BIOS leaves it */
#define MODE_24H	0x02	/* register B; BCD, no interrupts */
#define VALID		0x80	/* register D: the battery is well */

static uint8_t bcd(int n)
{
	return n / 10 << 4 | n % 10;
}

uint8_t rtc_read(uint8_t reg)
{
	time_t now = time(NULL);
	struct tm tm;

	gmtime_r(&now, &tm);
	switch (reg) {
	case 0: return bcd(tm.tm_sec);
	case 2: return bcd(tm.tm_min);
	case 4: return bcd(tm.tm_hour);
	case 6: return bcd(tm.tm_wday + 1);
	case 7: return bcd(tm.tm_mday);
	case 8: return bcd(tm.tm_mon + 1);
	case 9: return bcd(tm.tm_year % 100);
	case 0xa: return RATE;
	case 0xb: return MODE_24H;
	case 0xd: return VALID;
	case RTC_CENTURY: return bcd(tm.tm_year / 100 + 19);
	default: return 0;
	}
}
