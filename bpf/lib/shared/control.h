/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#pragma once

#include <linux/types.h>

/*
 * Words of the map `control` (array of __u64, memory-mapped by the agent, so that
 * a change is one store).
 *
 * generation: version of the node's policy. Its parity says which of an endpoint's
 *   two policy slots is in force.
 * epoch: raised when the ipcache answer of a prefix shorter than a host route changes.
 * buckets: one epoch per bucket of addresses, raised when a host route or the
 *   endpoint on that address changes.
 *
 * All words only grow, so the sum of three epochs changes whenever one of them does.
 */
enum control_word {
	CONTROL_GENERATION = 0,
	CONTROL_EPOCH = 1,
	CONTROL_PREFILTER =
		2, /* not 0: tc asks the prefilter, because XDP does not on every device */
	CONTROL_BUCKETS = 3,
};

enum control_size {
	EPOCH_BUCKET_BITS = 10,
	EPOCH_BUCKETS = 1 << EPOCH_BUCKET_BITS,
	CONTROL_WORDS = CONTROL_BUCKETS + EPOCH_BUCKETS,
};

/* Multiplier of the multiplicative hash address -> bucket (2^32 / golden ratio). */
#define EPOCH_HASH 0x9E3779B1u
