/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* How many packets passed, and how many were dropped where and why. */
#pragma once

#include "common.h"

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct counter_key);
	__type(value, struct counter_value);
} counters SEC(".maps");

/* Packets that passed, by hook: an array, because every packet comes by here. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, HOOK_END);
	__type(key, __u32);
	__type(value, struct counter_value);
} forwarded SEC(".maps");

static __always_inline void count_forwarded(__u32 hook, __u32 length)
{
	struct counter_value *value = bpf_map_lookup_elem(&forwarded, &hook);

	if (value) {
		value->packets++;
		value->bytes += length;
	}
}

static __always_inline void count_drop(__u8 hook, __u8 reason, __u8 file, __u16 line, __u32 length)
{
	struct counter_key key = { .reason = reason, .hook = hook, .file = file, .line = line };
	struct counter_value *value = bpf_map_lookup_elem(&counters, &key);

	if (value) {
		value->packets++;
		value->bytes += length;
	} else {
		struct counter_value first = { .packets = 1, .bytes = length };

		bpf_map_update_elem(&counters, &key, &first, BPF_ANY);
	}
}
