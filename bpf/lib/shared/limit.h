/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#pragma once

#include <linux/bpf.h>

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
	__u32 passed;	   /* new connections since `second` */
	__u32 before;	   /* and in the second before */
	__u64 second;	   /* ns, CLOCK_BOOTTIME: when the current second began */
};
