// SPDX-License-Identifier: GPL-2.0
/*
 * The serial port's receiving half and interrupts, the clock, the ACPI tables and
 * the TSC's frequency, without a KVM device.
 */
#include "acpi.h"
#include "cpuid.h"
#include "rtc.h"
#include "serial.h"
#include "tap.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

enum { DATA, IER, IIR, LCR, MCR, LSR, MSR };

static bool level;

static void line(void *ctx, bool now)
{
	(void)ctx;
	level = now;
}

static struct serial port(void)
{
	struct serial s;

	serial_init(&s);
	s.line = line;
	level = false;
	serial_write(&s, MCR, 0x08);
	return s;
}

static bool has_room(const struct serial *s)
{
	uint64_t count;

	return read(s->room_fd, &count, sizeof(count)) > 0;
}

static void test_serial(void)
{
	struct serial s = port(), other = port();
	struct wire_serial w;
	unsigned int i;

	serial_input(&s, 'a');
	ok(!level && serial_read(&s, LSR) & 1, "a byte came, nobody is told");
	serial_write(&s, IER, 1);
	ok(level && (serial_read(&s, IIR) & 0xf) == 4, "who wants is told");
	ok(serial_read(&s, DATA) == 'a' && !level, "and takes it");
	serial_write(&s, IER, 2);
	ok(level && (serial_read(&s, IIR) & 0xf) == 2 && !level,
	   "all is sent, said once");
	serial_write(&s, IER, 0);
	serial_write(&s, IER, 2);
	ok(level, "and again when asked again");
	serial_write(&s, IIR, 1);
	ok(serial_read(&s, IIR) >> 6 == 3, "there are FIFOs");
	serial_write(&s, MCR, 0x00);
	serial_write(&s, IER, 3);
	ok(!level, "without OUT2 no interrupt gets out");
	serial_write(&s, MCR, 0x18);
	serial_write(&s, DATA, 'b');
	ok(level && serial_read(&s, DATA) == 'b', "a loop");
	serial_write(&s, MCR, 0x08);
	for (i = 0; i < WIRE_SERIAL_FIFO; i++)
		serial_input(&s, i);
	serial_save(&s, &w);
	ok(serial_load(&other, &w) && level, "what waits travels");
	for (i = 0; i < WIRE_SERIAL_FIFO && serial_read(&other, DATA) == i; i++)
		;
	ok(i == WIRE_SERIAL_FIFO, "whole");
	w.received = WIRE_SERIAL_FIFO + 1;
	ok(!serial_load(&other, &w), "more than there is room for is refused");
	ok(!serial_input(&s, 'x') && !has_room(&s), "a full port takes no more");
	serial_read(&s, DATA);
	ok(has_room(&s) && serial_input(&s, 'x'), "and tells when it does");
	serial_destroy(&s);
	serial_destroy(&other);
}

static unsigned int two(uint8_t reg)
{
	uint8_t bcd = rtc_read(reg);

	return (bcd >> 4) * 10 + (bcd & 0xf);
}

static void test_rtc(void)
{
	struct tm tm = { 0 };
	time_t then, now = time(NULL);

	tm.tm_year = two(RTC_CENTURY) * 100 + two(9) - 1900;
	tm.tm_mon = two(8) - 1;
	tm.tm_mday = two(7);
	tm.tm_hour = two(4);
	tm.tm_min = two(2);
	tm.tm_sec = two(0);
	then = timegm(&tm);
	/* A second may pass between its registers, and a minute with it. */
	ok(then >= now - 60 && then <= now + 61, "the clock tells the time");
}

static uint8_t sum(const uint8_t *p, size_t len)
{
	uint8_t s = 0;

	while (len--)
		s += *p++;
	return s;
}

static uint32_t read32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* A table whose length and checksum are right. */
static bool table_ok(const uint8_t *t, const char *name)
{
	return !memcmp(t, name, 4) && !sum(t, read32(t + 4));
}

static void test_acpi(void)
{
	static uint8_t room[65536];
	const uint64_t gpa = 0xe0000;
	const uint8_t *xsdt, *fadt, *madt, *dsdt;
	size_t len = acpi_write(room, sizeof(room), gpa, 64, 4), i;
	size_t exact = len;
	bool ever = false;

	ok(len && !memcmp(room, "RSD PTR ", 8) && !sum(room, 20) &&
	   !sum(room, 36), "the RSDP");
	xsdt = room + read32(room + 24) - gpa;
	ok(table_ok(xsdt, "XSDT"), "the XSDT");
	fadt = room + read32(xsdt + 36) - gpa;
	madt = room + read32(xsdt + 44) - gpa;
	ok(table_ok(fadt, "FACP") && table_ok(madt, "APIC"), "FADT and MADT");
	dsdt = room + read32(fadt + 40) - gpa;
	ok(table_ok(dsdt, "DSDT") && read32(fadt + 140) == read32(fadt + 40),
	   "the DSDT");
	/* \_SB ends where the table does: all lengths in it add up. */
	for (i = 36; i < read32(dsdt + 4); i++)
		if (!memcmp(dsdt + i, "_SB_", 4))
			break;
	len = (dsdt[i - 2] & 0xf) | dsdt[i - 1] << 4;
	ok(i - 2 + len == read32(dsdt + 4), "the scope of the devices");
	for (i = 0; i < exact; i++)
		ever = ever || acpi_write(room, i, gpa, 64, 4);
	ok(!ever, "too little room is noticed");
}

static void test_tsc(void)
{
	static const uint32_t khz[] = {
		50000, 999999, 1000000, 1995310, 2596142, 2893299, 3600000,
		4194303,
	};
	uint32_t n, d, i, tsc, apart;

	for (i = 0; i < sizeof(khz) / sizeof(khz[0]); i++) {
		cpuid_tsc_ratio(khz[i], &n, &d);
		tsc = 1000000U * n / d;		/* as Linux does */
		apart = tsc > khz[i] ? tsc - khz[i] : khz[i] - tsc;
		ok(apart <= 1, "a TSC of %u kHz is told as %u", khz[i], tsc);
	}
}

int main(void)
{
	test_tsc();
	test_serial();
	test_rtc();
	test_acpi();
	return tap_done();
}
