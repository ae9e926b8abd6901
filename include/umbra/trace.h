/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tracepoints: /sys/kernel/tracing/events/umbra/.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM umbra

#if !defined(_UMBRA_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _UMBRA_TRACE_H

#include <linux/tracepoint.h>
#include <umbra/fault.h>
#include <umbra/vm.h>

#define UM_PF_NAMES                                                    \
	{ UM_PF_CONTINUE, "continue" }, { UM_PF_RETRY, "retry" },      \
	{ UM_PF_FIXED, "fixed" }, { UM_PF_SPURIOUS, "spurious" },      \
	{ UM_PF_EMULATE, "emulate" }, { UM_PF_TABLE, "table" },        \
	{ UM_PF_GUEST, "guest" }, { UM_PF_BAD_HVA, "bad_hva" },        \
	{ UM_PF_HWPOISON, "hwpoison" }, { UM_PF_NOMEM, "nomem" },      \
	{ UM_PF_INTR, "intr" }, { UM_PF_DEAD, "dead" }

#define UM_PATH_NAMES                                                  \
	{ UM_PATH_FAST, "fast" }, { UM_PATH_CLAIM_LOST, "lost" },      \
	{ UM_PATH_CLAIM_TAKEN, "taken" }, { UM_PATH_NO_TAG, "no_tag" },\
	{ UM_PATH_RESOLVED, "resolved" }, { UM_PATH_STALE, "stale" },  \
	{ UM_PATH_TABLE, "table" }, { UM_PATH_SPLIT, "split" },        \
	{ UM_PATH_MERGE, "merge" }, { UM_PATH_HUGE, "huge" },          \
	{ UM_PATH_DIRTY, "dirty" }, { UM_PATH_FROZEN, "frozen" },      \
	{ UM_PATH_RESTORE, "restore" }, { UM_PATH_GIVEN_UP, "given_up" },\
	{ UM_PATH_SLOW, "slow" }, { UM_PATH_RECLAIM, "reclaim" },      \
	{ UM_PATH_RIGHTS, "rights" }, { UM_PATH_WRPROT, "wrprot" },    \
	{ UM_PATH_UNSYNC, "unsync" }

TRACE_EVENT(umbra_entry,
	TP_PROTO(const struct um_vcpu *vcpu),
	TP_ARGS(vcpu),
	TP_STRUCT__entry(__field(int, vcpu)),
	TP_fast_assign(__entry->vcpu = vcpu->id;),
	TP_printk("vcpu %d", __entry->vcpu)
);

TRACE_EVENT(umbra_exit,
	TP_PROTO(const struct um_vcpu *vcpu, u32 reason),
	TP_ARGS(vcpu, reason),
	TP_STRUCT__entry(__field(int, vcpu) __field(u32, reason)),
	TP_fast_assign(
		__entry->vcpu = vcpu->id;
		__entry->reason = reason;
	),
	TP_printk("vcpu %d reason 0x%x", __entry->vcpu, __entry->reason)
);

/* path: the branches this fault went through (enum um_path). */
TRACE_EVENT(umbra_fault,
	TP_PROTO(int vcpu, u64 gpa, u8 access, enum um_pf outcome, u32 path),
	TP_ARGS(vcpu, gpa, access, outcome, path),
	TP_STRUCT__entry(
		__field(int, vcpu)
		__field(u64, gpa)
		__field(u8, access)
		__field(int, outcome)
		__field(u32, path)
	),
	TP_fast_assign(
		__entry->vcpu = vcpu;
		__entry->gpa = gpa;
		__entry->access = access;
		__entry->outcome = outcome;
		__entry->path = path;
	),
	TP_printk("vcpu %d gpa 0x%llx access %c%c%c %s path %s",
		  __entry->vcpu, __entry->gpa,
		  __entry->access & UM_ACC_R ? 'r' : '-',
		  __entry->access & UM_ACC_W ? 'w' : '-',
		  __entry->access & UM_ACC_X ? 'x' : '-',
		  __print_symbolic(__entry->outcome, UM_PF_NAMES),
		  __print_flags(__entry->path, "|", UM_PATH_NAMES))
);

/* A claim met another one, was lost or given up; or there was none to make. */
TRACE_EVENT(umbra_claim,
	TP_PROTO(u64 gfn, u8 tag, u32 path),
	TP_ARGS(gfn, tag, path),
	TP_STRUCT__entry(__field(u64, gfn) __field(u8, tag) __field(u32, path)),
	TP_fast_assign(
		__entry->gfn = gfn;
		__entry->tag = tag;
		__entry->path = path;
	),
	TP_printk("gfn 0x%llx tag %u %s", __entry->gfn, __entry->tag,
		  __print_flags(__entry->path, "|", UM_PATH_NAMES))
);

/* A huge leaf of this level gave way to 512 smaller ones. */
TRACE_EVENT(umbra_split,
	TP_PROTO(u64 pfn, int level),
	TP_ARGS(pfn, level),
	TP_STRUCT__entry(__field(u64, pfn) __field(int, level)),
	TP_fast_assign(
		__entry->pfn = pfn;
		__entry->level = level;
	),
	TP_printk("pfn 0x%llx level %d", __entry->pfn, __entry->level)
);

/* A leaf, or a shadow page, of this level, at this frame. */
DECLARE_EVENT_CLASS(umbra_level,
	TP_PROTO(u64 gfn, int level),
	TP_ARGS(gfn, level),
	TP_STRUCT__entry(__field(u64, gfn) __field(int, level)),
	TP_fast_assign(
		__entry->gfn = gfn;
		__entry->level = level;
	),
	TP_printk("gfn 0x%llx level %d", __entry->gfn, __entry->level)
);

/* A table gave way, so that a huge leaf of this level may come. */
DEFINE_EVENT(umbra_level, umbra_merge,
	TP_PROTO(u64 gfn, int level),
	TP_ARGS(gfn, level)
);

/* Logging ended, and a huge leaf of this level came back for a table. */
DEFINE_EVENT(umbra_level, umbra_recover,
	TP_PROTO(u64 gfn, int level),
	TP_ARGS(gfn, level)
);

/* A shadow page was made for a guest table, or a part of a huge page. */
DEFINE_EVENT(umbra_level, umbra_shadow_new,
	TP_PROTO(u64 gfn, int level),
	TP_ARGS(gfn, level)
);

/* It was taken away. */
DEFINE_EVENT(umbra_level, umbra_shadow_zap,
	TP_PROTO(u64 gfn, int level),
	TP_ARGS(gfn, level)
);

/* Its frame may be written from now on. */
DEFINE_EVENT(umbra_level, umbra_shadow_unsync,
	TP_PROTO(u64 gfn, int level),
	TP_ARGS(gfn, level)
);

/* It was brought in step with the guest's table. */
DEFINE_EVENT(umbra_level, umbra_shadow_sync,
	TP_PROTO(u64 gfn, int level),
	TP_ARGS(gfn, level)
);

/* Its frame was written like no table: all of its pages go. */
DEFINE_EVENT(umbra_level, umbra_shadow_flood,
	TP_PROTO(u64 gfn, int level),
	TP_ARGS(gfn, level)
);

/* Leaves by level, and tables, left the tree at once. */
TRACE_EVENT(umbra_zap,
	TP_PROTO(const u64 *leaves, unsigned int tables),
	TP_ARGS(leaves, tables),
	TP_STRUCT__entry(
		__array(u64, leaves, UM_LEVEL_1G)
		__field(unsigned int, tables)
	),
	TP_fast_assign(
		memcpy(__entry->leaves, leaves, sizeof(__entry->leaves));
		__entry->tables = tables;
	),
	TP_printk("4k %llu 2m %llu 1g %llu tables %u", __entry->leaves[0],
		  __entry->leaves[1], __entry->leaves[2], __entry->tables)
);

/* The host asked whether these frames were used, and forgot that they were. */
TRACE_EVENT(umbra_age,
	TP_PROTO(u64 gfn, u64 pages, u64 young),
	TP_ARGS(gfn, pages, young),
	TP_STRUCT__entry(
		__field(u64, gfn)
		__field(u64, pages)
		__field(u64, young)
	),
	TP_fast_assign(
		__entry->gfn = gfn;
		__entry->pages = pages;
		__entry->young = young;
	),
	TP_printk("gfn 0x%llx pages %llu young %llu", __entry->gfn,
		  __entry->pages, __entry->young)
);

/* Of the frames from gfn on, leaves lost W for the dirty log. */
TRACE_EVENT(umbra_wrprot,
	TP_PROTO(u64 gfn, u64 leaves),
	TP_ARGS(gfn, leaves),
	TP_STRUCT__entry(__field(u64, gfn) __field(u64, leaves)),
	TP_fast_assign(
		__entry->gfn = gfn;
		__entry->leaves = leaves;
	),
	TP_printk("gfn 0x%llx leaves %llu", __entry->gfn, __entry->leaves)
);

/* The quota took so many tables, and so many are linked now. */
TRACE_EVENT(umbra_reclaim,
	TP_PROTO(unsigned int taken, u64 tables),
	TP_ARGS(taken, tables),
	TP_STRUCT__entry(__field(unsigned int, taken) __field(u64, tables)),
	TP_fast_assign(
		__entry->taken = taken;
		__entry->tables = tables;
	),
	TP_printk("taken %u tables %llu", __entry->taken, __entry->tables)
);

/* KVM_GET_DIRTY_LOG of a slot ended with 0 or an errno. */
TRACE_EVENT(umbra_get_log,
	TP_PROTO(u32 slot, int err),
	TP_ARGS(slot, err),
	TP_STRUCT__entry(__field(u32, slot) __field(int, err)),
	TP_fast_assign(
		__entry->slot = slot;
		__entry->err = err;
	),
	TP_printk("slot %u err %d", __entry->slot, __entry->err)
);

/* KVM_CLEAR_DIRTY_LOG of pages [first, first + pages) of a slot ended. */
TRACE_EVENT(umbra_clear_log,
	TP_PROTO(u32 slot, u64 first, u64 pages, int err),
	TP_ARGS(slot, first, pages, err),
	TP_STRUCT__entry(
		__field(u32, slot)
		__field(u64, first)
		__field(u64, pages)
		__field(int, err)
	),
	TP_fast_assign(
		__entry->slot = slot;
		__entry->first = first;
		__entry->pages = pages;
		__entry->err = err;
	),
	TP_printk("slot %u first 0x%llx pages %llu err %d", __entry->slot,
		  __entry->first, __entry->pages, __entry->err)
);

/* Every vCPU was made to leave the guest for the debts up to owed. */
TRACE_EVENT(umbra_flush,
	TP_PROTO(u64 owed, u64 paid),
	TP_ARGS(owed, paid),
	TP_STRUCT__entry(__field(u64, owed) __field(u64, paid)),
	TP_fast_assign(
		__entry->owed = owed;
		__entry->paid = paid;
	),
	TP_printk("owed %llu paid %llu", __entry->owed, __entry->paid)
);

/* Into the dirty ring of vcpu: frame offset of the slot. */
TRACE_EVENT(umbra_ring_push,
	TP_PROTO(int vcpu, u32 slot, u64 offset),
	TP_ARGS(vcpu, slot, offset),
	TP_STRUCT__entry(
		__field(int, vcpu)
		__field(u32, slot)
		__field(u64, offset)
	),
	TP_fast_assign(
		__entry->vcpu = vcpu;
		__entry->slot = slot;
		__entry->offset = offset;
	),
	TP_printk("vcpu %d slot %u offset 0x%llx", __entry->vcpu,
		  __entry->slot, __entry->offset)
);

/* So many entries of one vCPU's log. */
DECLARE_EVENT_CLASS(umbra_entries,
	TP_PROTO(int vcpu, u32 entries),
	TP_ARGS(vcpu, entries),
	TP_STRUCT__entry(__field(int, vcpu) __field(u32, entries)),
	TP_fast_assign(
		__entry->vcpu = vcpu;
		__entry->entries = entries;
	),
	TP_printk("vcpu %d entries %u", __entry->vcpu, __entry->entries)
);

/* entries of vcpu's ring were reset. */
DEFINE_EVENT(umbra_entries, umbra_ring_reset,
	TP_PROTO(int vcpu, u32 entries),
	TP_ARGS(vcpu, entries)
);

/* vcpu's CPU had logged so many entries. */
DEFINE_EVENT(umbra_entries, umbra_pml_drain,
	TP_PROTO(int vcpu, u32 entries),
	TP_ARGS(vcpu, entries)
);

#endif /* _UMBRA_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH umbra
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
