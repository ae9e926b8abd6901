/* STUB: tracepoints; nothing is recorded. */
/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_UMBRA_TRACE_H
#define _SHIM_UMBRA_TRACE_H

#define trace_umbra_wrprot(gfn, leaves) ((void)(gfn), (void)(leaves))
#define trace_umbra_flush(owed, paid) ((void)(owed), (void)(paid))

#endif
