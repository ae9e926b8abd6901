// SPDX-License-Identifier: GPL-2.0
/*
 * A guest that does nothing but stay alive: every vCPU beats its heart once in a
 * while (period=MS, 10 by default) and rests in between.
 */
#include "guest.h"

void guest_main(const struct guest_params *p, ulong cpu)
{
	u32 period = arg_number(p, "period", 10);

	if (!cpu)
		print("idle: %u vCPUs\n", p->cpus);
	while (inl(PORT_COMMAND) != CMD_FINISH)
		outl(PORT_SLEEP, period);
	if (!cpu) {
		print("idle: ok\n");
		guest_exit(0);
	}
}
