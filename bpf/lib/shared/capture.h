/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#pragma once

#include "event.h"

enum capture_size {
	CAPTURE_BYTES = 1600, /* most of a packet that is captured */
};

/* What user space wants of dropped packets. */
struct capture_order {
	__u64 until;   /* ns, CLOCK_BOOTTIME; 0: nobody wants any */
	__u32 snaplen; /* bytes of each, from the Ethernet header on */
	__u32 pad;
};

/* Record of the ring buffer `captures`: `length` bytes of the packet follow. */
struct capture_head {
	struct event event;
	__u32 length;
	__u32 pad;
};
