/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How agent (inside the testbed) talks to attend (outside): frames written
 * byte by byte to port 0xe9, which the emulator hands on without any delay.
 * The emulator may print lines of its own on the same stream, between frames.
 *
 *	magic[4], type, length (2, little endian), sum (2), data[length]
 *
 * sum adds up the data's bytes.
 */
#ifndef _UMBRA_VTX_FRAMES_H
#define _UMBRA_VTX_FRAMES_H

#define UM_PORT		0xe9
#define UM_MAGIC	"\x02um\x05"
#define UM_MAGIC_LEN	4
#define UM_HEAD_LEN	9
#define UM_DATA_MAX	4096

/* written to the kernel's log by init when the host is up */
#define UM_KLOG_MARK	"testbed: the host is up"

enum um_frame {
	UM_START = 'S',		/* the payload is about to run */
	UM_OUTPUT = 'O',	/* what the payload wrote */
	UM_GET_OPEN = 'G',	/* a file wanted by --get follows: its number */
	UM_GET_DATA = 'D',
	UM_GET_CLOSE = 'C',
	UM_GET_NONE = 'N',	/* it cannot be read: number, reason */
	UM_KLOG = 'K',		/* the kernel's log, at the end */
	UM_EXIT = 'X',		/* the payload's exit status */
};

#endif
