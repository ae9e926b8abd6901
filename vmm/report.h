/* SPDX-License-Identifier: GPL-2.0 */
/* What is said at the end: the table of rounds, and the JSON files. */
#ifndef PENUMBRA_REPORT_H
#define PENUMBRA_REPORT_H

#include "migrate.h"

void report_table(const struct migration *m);
/* One line that says whether the memories are equal. */
void report_arrival(const struct arrival *a);

/* JSON of a plain run. */
void report_run_json(const char *path, struct vm *vm, int status);
/* JSON of a migration; @m is NULL on the receiver, @a on a lone sender. */
void report_json(const char *path, struct vm *vm,
		 const struct guest_options *guest, const struct migration *m,
		 const struct arrival *a);

#endif
