/* SPDX-License-Identifier: GPL-2.0 */
/*
 * emulate.h - run one guest instruction in software
 *
 * For accesses the hardware cannot finish alone: MMIO and, with shadow
 * paging, writes to page tables. The emulator knows the instruction set and
 * segmentation; everything behind a linear address (paging, memslots, devices)
 * belongs to the caller and is reached through struct um_emul_ops.
 *
 * No locks and no memory of its own: a context is used by one vCPU at a time
 * and the callbacks run in the caller's context, so they may sleep if it may.
 */
#ifndef _UMBRA_EMULATE_H
#define _UMBRA_EMULATE_H

#include <linux/types.h>

#define UM_EMUL_INSN_MAX 15

/* In the order of the sreg encoding. */
enum um_emul_sreg {
	UM_SREG_ES,
	UM_SREG_CS,
	UM_SREG_SS,
	UM_SREG_DS,
	UM_SREG_FS,
	UM_SREG_GS,
};

/* Segment attributes, in the form of the VMCS access-rights field. */
#define UM_SEG_TYPE_WRITE	0x0002	/* data: writable; code: readable */
#define UM_SEG_TYPE_DOWN	0x0004	/* data: expand-down */
#define UM_SEG_TYPE_CODE	0x0008
#define UM_SEG_S		0x0010
#define UM_SEG_P		0x0080
#define UM_SEG_L		0x2000
#define UM_SEG_DB		0x4000
#define UM_SEG_UNUSABLE		0x10000

struct um_emul_segment {
	u64 base;
	u32 limit;	/* in bytes: G is already applied, as in the VMCS */
	u32 attrs;
	u16 selector;
};

struct um_emul_regs {
	u64 gpr[16];	/* in encoding order: rax rcx rdx rbx rsp rbp rsi ... */
	u64 rip;
	u64 rflags;
};

struct um_emul_exception {
	u8 vector;
	bool has_error;
	u32 error_code;
	u64 cr2;	/* #PF only */
};

/* What a memory callback answers. */
enum um_emul_rc {
	UM_EMUL_OK,
	/* ctx->exc holds the exception; nothing was transferred */
	UM_EMUL_FAULT,
	/* user space must act first; the instruction is then run again */
	UM_EMUL_IO,
	/* somebody changed memory underneath; run the instruction again */
	UM_EMUL_RETRY,
	/* the caller cannot do this */
	UM_EMUL_UNHANDLED,
};

/* Flags of a memory callback. */
#define UM_EMUL_WRITE	0x1	/* check(), and the read of a read-modify-write:
				 * the access needs write rights (#PF with W)
				 */

struct um_emul_ctx;

/*
 * No data access crosses a 4 KiB page of linear addresses, and none is longer
 * than 16 bytes, but those of um_emul_pio_move(), which move up to a page.
 */
struct um_emul_ops {
	void (*seg)(struct um_emul_ctx *ctx, enum um_emul_sreg which,
		    struct um_emul_segment *seg);

	/* Copy @n code bytes; never crosses a page. */
	enum um_emul_rc (*fetch)(struct um_emul_ctx *ctx, u64 linear,
				 void *buf, unsigned int n);

	/*
	 * An MMIO read whose data is not there yet answers UM_EMUL_IO. When
	 * the instruction runs again the same reads come in the same order:
	 * the caller hands out what it has buffered, and drops the buffer in
	 * commit().
	 */
	enum um_emul_rc (*read)(struct um_emul_ctx *ctx, u64 linear,
				void *buf, unsigned int n, unsigned int flags);

	/*
	 * MMIO writes are posted: queue and answer UM_EMUL_OK. To get out of
	 * a rep loop after this iteration, set ctx->stop.
	 */
	enum um_emul_rc (*write)(struct um_emul_ctx *ctx, u64 linear,
				 const void *buf, unsigned int n);

	/*
	 * Atomically replace *@old by *@new (1, 2, 4, 8 or 16 bytes, not
	 * always aligned) or answer UM_EMUL_RETRY. On MMIO a plain write.
	 */
	enum um_emul_rc (*cmpxchg)(struct um_emul_ctx *ctx, u64 linear,
				   const void *old, const void *new,
				   unsigned int n);

	/* Would this access be allowed? Transfers nothing. */
	enum um_emul_rc (*check)(struct um_emul_ctx *ctx, u64 linear,
				 unsigned int n, unsigned int flags);

	/*
	 * Registers have just been updated: at the end of an instruction or
	 * of one iteration of a rep string instruction. May be NULL.
	 */
	void (*commit)(struct um_emul_ctx *ctx);
};

/* Filled by the caller but for the last group; reusable for the next run. */
struct um_emul_ctx {
	const struct um_emul_ops *ops;
	void *priv;			/* the caller's own */
	struct um_emul_regs *regs;	/* written at commits only */
	u64 cr0;
	u64 cr4;
	u64 efer;
	u8 cpl;

	bool stop;			/* ops may set it: leave a rep loop */
	u8 insn_len;			/* bytes read into insn[] */
	u8 insn[UM_EMUL_INSN_MAX];
	struct um_emul_exception exc;
};

enum um_emul_result {
	/*
	 * Retired: regs, rip and flags are final, RF is clear. The caller ends
	 * the interrupt shadow and raises the single-step trap if TF was set.
	 */
	UM_EMUL_DONE,
	/*
	 * Not finished but consistent: rip still points at the instruction.
	 * After a bounded number of rep iterations, after ctx->stop, or when
	 * a cmpxchg met a changed value.
	 */
	UM_EMUL_AGAIN,
	/* ctx->exc is to be injected; rip points at the instruction */
	UM_EMUL_EXCEPTION,
	/* go to user space, complete the access, call again */
	UM_EMUL_IO_NEEDED,
	/* nobody knows it: ctx->insn[0..insn_len) are the bytes read so far */
	UM_EMUL_UNKNOWN,
};

/* Decode and execute the instruction at cs:rip. */
enum um_emul_result um_emulate(struct um_emul_ctx *ctx);

/*
 * Read @n bytes, at most 16, of a data operand at @ea of segment @seg, with all
 * checks, as the instruction would. For one that the caller itself decodes: the
 * answer is a memory callback's, and nothing retires.
 */
enum um_emul_rc um_emul_load(struct um_emul_ctx *ctx, enum um_emul_sreg seg,
			     u64 ea, void *buf, unsigned int n);

/* INS or OUTS as the VM exit describes it. */
struct um_emul_pio {
	bool in;		/* INS: es:di is written; else seg:si is read */
	bool rep;
	u8 size;		/* of one element: 1, 2 or 4 */
	u8 addr_size;		/* 2, 4 or 8 */
	enum um_emul_sreg seg;	/* OUTS only */
	u8 insn_len;
};

/*
 * How many elements (at most @max) can move at once? Checks that memory allows
 * it, so an INS does not lose what the device gave.
 * UM_EMUL_DONE: nothing to do, count was zero, the instruction has retired.
 * UM_EMUL_AGAIN: *@count elements may now move.
 * Others as for um_emulate().
 */
enum um_emul_result um_emul_pio_prepare(struct um_emul_ctx *ctx,
					const struct um_emul_pio *pio,
					unsigned int max, unsigned int *count);

/*
 * Move @count elements, as prepared, between @data and guest memory and advance
 * the registers: OUTS before the exit to user space, INS after it. *@moved is
 * @count, or less when rCX has become less, or, when something stood in the way, 0.
 * UM_EMUL_DONE: the instruction has retired. UM_EMUL_AGAIN: run it again, for
 * the remaining elements or because nothing moved.
 */
enum um_emul_result um_emul_pio_move(struct um_emul_ctx *ctx,
				     const struct um_emul_pio *pio, void *data,
				     unsigned int count, unsigned int *moved);

#endif
