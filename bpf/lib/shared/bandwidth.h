/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#pragma once

#include <linux/bpf.h>

/* Key of `bandwidths`: whose traffic, and which way (enum direction, as the endpoint sees it). */
struct bandwidth_key {
	__u32 endpoint;
	__u32 direction;
};

/*
 * A token bucket, kept as the time at which all that has passed would be through at the rate. The agent writes
 * rate and burst, the programs the rest, under the lock.
 */
struct bandwidth {
	struct bpf_spin_lock lock;
	__u32 pad;
	__u64 rate;	  /* bytes a second; not 0 */
	__u64 burst;	  /* ns, at the rate: how far ahead of the clock what passes may be */
	__u64 through_at; /* ns, CLOCK_BOOTTIME */
	__u64 dropped_packets;
	__u64 dropped_bytes; /* as on the wire: headers of every segment included */
	__u64 tell_at;	     /* ns, CLOCK_BOOTTIME: when a drop is worth an event again */
};
