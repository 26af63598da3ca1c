/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#pragma once

#include <linux/bpf.h>

/* New connections are counted by slots of time. */
enum {
	LIMIT_SLOT_NS = 50000000,
	LIMIT_SLOTS = 32, /* that are kept: a power of 2 */
};

/*
 * New connections in each slot of time; one has the place slot % LIMIT_SLOTS. User space only makes it
 * empty. (Code generation reads the first member of a union.)
 */
struct limit_counts {
	union {
		__u8 bytes[LIMIT_SLOTS * sizeof(__u32)];
		__u32 passed[LIMIT_SLOTS];
	};
};

/*
 * Value of `limits` (key: rule reference of the one rule that is counted): how much passes by a
 * rule, and what has. The agent writes the bounds and, now and then, how many are open;
 * the programs do the rest, under the lock.
 */
struct limit {
	struct bpf_spin_lock lock;
	__u32 rate;	   /* new connections a second; 0: no bound */
	__u32 connections; /* at one time; 0: no bound */
	__u32 open;	   /* now */
	__u64 slot;	   /* the latest with a new connection: CLOCK_BOOTTIME in LIMIT_SLOT_NS */
	struct limit_counts counts;
};
