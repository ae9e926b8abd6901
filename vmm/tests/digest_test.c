// SPDX-License-Identifier: GPL-2.0
/*
 * The digest against the values that the XXH64 specification's reference
 * implementation gives (zstd carries one: the frame checksum).
 */
#include "digest.h"
#include "tap.h"

#include <string.h>
#include <zstd.h>

/* The low half of XXH64(content, seed 0) ends each zstd frame that asks for it. */
static uint32_t by_zstd(const void *data, size_t len)
{
	static uint8_t frame[20000];
	ZSTD_CCtx *c = ZSTD_createCCtx();
	uint32_t sum;
	size_t n;

	ZSTD_CCtx_setParameter(c, ZSTD_c_checksumFlag, 1);
	n = ZSTD_compress2(c, frame, sizeof(frame), data, len);
	ZSTD_freeCCtx(c);
	memcpy(&sum, frame + n - sizeof(sum), sizeof(sum));
	return sum;
}

int main(void)
{
	static uint8_t data[9000];
	size_t len, bad = 0;

	ok(digest64("", 0, 0) == 0xef46db3751d8e999ULL, "nothing at all");
	ok(digest64("abc", 3, 0) == 0x44bc2cf5ad770999ULL, "three bytes");
	for (len = 0; len < sizeof(data); len++)
		data[len] = len * 167 + (len >> 5);
	for (len = 0; len <= sizeof(data); len += len < 200 ? 1 : 97)
		bad += (uint32_t)digest64(data, len, 0) != by_zstd(data, len);
	ok(!bad, "all lengths agree with zstd's own");
	ok(digest64(data, 100, 1) != digest64(data, 100, 2),
	   "the seed matters");
	return tap_done();
}
