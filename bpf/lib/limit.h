/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Rate and connection limits of rules. A new connection that a limited rule allows takes a token and a
 * place; the place is free again when the connection is closed, or, when it only ended by
 * time, at the agent's next sweep, which counts anew.
 */
#pragma once

#include "common.h"
#include "shared/limit.h"

#undef SOURCE_FILE
#define SOURCE_FILE FILE_LIMIT

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, __u32); /* rule reference */
	__type(value, struct limit);
} limits SEC(".maps");

#define NS_PER_SECOND 1000000000ull

/*
 * Lets one more connection through, or says why not. One without its limit's record passes:
 * the agent writes the record before the entry that names it.
 */
static __noinline int take_limit(__u32 reference, __u64 now)
{
	struct limit *limit = bpf_map_lookup_elem(&limits, &reference);
	int step = STEP_NEXT;

	if (!limit)
		return STEP_NEXT;
	bpf_spin_lock(&limit->lock);
	if (limit->rate) {
		__u64 interval = NS_PER_SECOND / limit->rate;
		__u64 elapsed = now > limit->updated ? now - limit->updated : 0;

		if (elapsed >= NS_PER_SECOND) {
			limit->tokens = limit->rate;
			limit->updated = now;
		} else if (elapsed >= interval) {
			__u32 tokens = limit->tokens + elapsed / interval;

			limit->updated += elapsed / interval * interval;
			limit->tokens = tokens < limit->rate ? tokens : limit->rate;
		}
	}
	if (limit->connections && limit->open >= limit->connections)
		step = DROP(DROP_CONNECTION_LIMIT);
	else if (limit->rate && !limit->tokens)
		step = DROP(DROP_RATE_LIMITED);
	if (!step) {
		limit->open++;
		if (limit->rate)
			limit->tokens--;
	}
	bpf_spin_unlock(&limit->lock);
	return step;
}

static __noinline int release_limit(__u32 reference)
{
	struct limit *limit = bpf_map_lookup_elem(&limits, &reference);

	if (!limit)
		return STEP_NEXT;
	bpf_spin_lock(&limit->lock);
	if (limit->open)
		limit->open--;
	bpf_spin_unlock(&limit->lock);
	return STEP_NEXT;
}

/* Do both limits have a place for the connection? One that is taken in vain is given back. */
static __always_inline int take_limits(const struct conntrack_entry *entry, __u64 now)
{
	__u32 first = entry->end[END_SOURCE].limit;
	__u32 second = entry->end[END_DESTINATION].limit;
	int step = first ? take_limit(first, now) : STEP_NEXT;

	if (step || !second)
		return step;
	step = take_limit(second, now);
	if (step && first)
		release_limit(first);
	return step;
}

static __always_inline void release_limits(const struct conntrack_entry *entry)
{
	for (int i = 0; i < ENDS; i++)
		if (entry->end[i].limit && !(entry->flags & CONNECTION_RELEASED))
			release_limit(entry->end[i].limit);
}

static __always_inline bool limits_differ(const struct conntrack_entry *a,
					  const struct conntrack_entry *b)
{
	return a->end[END_SOURCE].limit != b->end[END_SOURCE].limit ||
	       a->end[END_DESTINATION].limit != b->end[END_DESTINATION].limit;
}
