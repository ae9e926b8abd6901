// SPDX-License-Identifier: GPL-2.0
/*
 * stamp: copy lines, each behind the time stamp counter when it was complete.
 */
#include <stdio.h>
#include <string.h>
#include <x86intrin.h>

int main(void)
{
	char line[1024];

	while (fgets(line, sizeof(line), stdin)) {
		unsigned long long now = __rdtsc();

		line[strcspn(line, "\r\n")] = '\0';
		printf("%llu %s\n", now, line);
		fflush(stdout);
	}
	return 0;
}
