# SPDX-License-Identifier: GPL-2.0
# A descriptor has 3 entries, a list up to 7, a bucket 3 on average.
s/^#define RMAP_SLOTS 13$/#define RMAP_SLOTS 3/
s/^#define LIST_MAX .*/#define LIST_MAX 7/
s/^#define BUCKET_MEAN .*/#define BUCKET_MEAN 3/
/^static_assert(sizeof(struct um_rmap_desc)/d
