/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#pragma once

#include <linux/types.h>

/* Key of `counters`: dropped packets by their reason and place. */
struct counter_key {
	__u8 reason;
	__u8 hook; /* enum event_hook */
	__u8 file; /* enum source_file */
	__u8 pad;
	__u16 line;
	__u16 pad2;
};

struct counter_value {
	__u64 packets;
	__u64 bytes;
};

/* Source files of the datapath, as drops name them. */
enum source_file {
	FILE_NONE = 0,
	FILE_POD = 1,
	FILE_PARSE = 2,
	FILE_NEIGHBOUR = 3,
	FILE_CONNTRACK = 4,
	FILE_JUDGE = 5,
	FILE_POLICY = 6,
	FILE_DELIVER = 7,
	FILE_FRAGMENT = 8,
	FILE_BUDGET = 9,
	FILE_LIMIT = 10,
	FILE_TRACK = 11,
	FILE_RELATED = 12,
	FILE_HOST = 13,
	FILE_FAST = 14,
	FILE_PREFILTER = 15,
	FILE_NAT = 16,
	FILE_MASQUERADE = 17,
	FILE_REWRITE = 18,
	FILE_BANDWIDTH = 19,
	FILE_SEGMENT = 20,
	FILE_PROXY = 21,
};
