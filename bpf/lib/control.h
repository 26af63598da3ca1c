/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The node's policy generation and the epochs of its addresses. */
#pragma once

#include "common.h"
#include "shared/control.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, CONTROL_WORDS);
	__type(key, __u32);
	__type(value, __u64);
} control SEC(".maps");

/* A word of `control`. Every index is in range, so 0 is never the fall-back's answer. */
static __always_inline __u64 control_word(__u32 index)
{
	__u64 *word = bpf_map_lookup_elem(&control, &index);

	return word ? *(volatile __u64 *)word : 0;
}

static __always_inline __u32 epoch_bucket(const struct ip_address *address)
{
	__u32 folded = bpf_ntohl(address->words[0]) ^ bpf_ntohl(address->words[1]) ^
		       bpf_ntohl(address->words[2]) ^ bpf_ntohl(address->words[3]);

	return (folded * EPOCH_HASH) >> (32 - EPOCH_BUCKET_BITS);
}

/* A generation and the sum of the epochs of both addresses, as entries of connections keep them. */
static __always_inline __u64 revision_of(__u64 generation, const struct tuple *tuple)
{
	__u64 epoch = control_word(CONTROL_EPOCH) +
		      control_word(CONTROL_BUCKETS + epoch_bucket(&tuple->source)) +
		      control_word(CONTROL_BUCKETS + epoch_bucket(&tuple->destination));

	return generation << 32 | (__u32)epoch;
}

/*
 * Reads generation and epochs. To be called before any look-up whose answer is
 * kept: an old answer must never be kept under a new number.
 */
static __always_inline void read_revision(struct work *work)
{
	work->generation = control_word(CONTROL_GENERATION);
	work->revision = revision_of(work->generation, &work->packet.tuple);
	/* Helpers below are calls: the compiler keeps these loads before them, and x86 and
	 * the dependency of the map look-ups do so in hardware. */
	barrier();
}
