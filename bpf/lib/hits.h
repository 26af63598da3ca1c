/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Which rules are used: what was judged and told of, by rule reference. */
#pragma once

#include "common.h"

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, __u32); /* rule reference */
	__type(value, struct counter_value);
} rule_hits SEC(".maps");

static __always_inline void count_hit(__u32 rule, __u32 length)
{
	struct counter_value *value = bpf_map_lookup_elem(&rule_hits, &rule);

	if (value) {
		value->packets++;
		value->bytes += length;
	} else {
		struct counter_value first = { .packets = 1, .bytes = length };

		bpf_map_update_elem(&rule_hits, &rule, &first, BPF_NOEXIST);
	}
}

/* Counts the rules of a judgement: the first packet of a connection, or a denied one. */
static __noinline int count_hits(const struct work *work, __u32 length)
{
	for (int i = 0; i < ENDS; i++)
		for (int j = 0; j < LOOKUPS; j++)
			if (work->end[i].rules[j])
				count_hit(work->end[i].rules[j], length);
	return 0;
}
