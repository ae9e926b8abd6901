/* STUB: tracepoints; nothing is recorded. */
/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_UMBRA_TRACE_H
#define _SHIM_UMBRA_TRACE_H

#define trace_umbra_claim(gfn, tag, path) \
	((void)(gfn), (void)(tag), (void)(path))
#define trace_umbra_split(pfn, level) ((void)(pfn), (void)(level))
#define trace_umbra_merge(gfn, level) ((void)(gfn), (void)(level))
#define trace_umbra_recover(gfn, level) ((void)(gfn), (void)(level))
#define trace_umbra_zap(leaves, tables) ((void)(leaves), (void)(tables))
#define trace_umbra_age(gfn, pages, young) \
	((void)(gfn), (void)(pages), (void)(young))
#define trace_umbra_wrprot(gfn, leaves) ((void)(gfn), (void)(leaves))
#define trace_umbra_flush(owed, paid) ((void)(owed), (void)(paid))
#define trace_umbra_reclaim(taken, tables) ((void)(taken), (void)(tables))
#define trace_umbra_shadow_new(gfn, level) ((void)(gfn), (void)(level))
#define trace_umbra_shadow_zap(gfn, level) ((void)(gfn), (void)(level))
#define trace_umbra_shadow_unsync(gfn, level) ((void)(gfn), (void)(level))
#define trace_umbra_shadow_sync(gfn, level) ((void)(gfn), (void)(level))
#define trace_umbra_shadow_flood(gfn, level) ((void)(gfn), (void)(level))

#endif
