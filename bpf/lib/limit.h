/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Rate and connection limits of rules. A new connection that a limited rule allows is counted and takes a
 * place; the place is free again when the connection is closed, denied or replaced, or, when it only ended
 * by time, at the agent's next sweep, which counts anew.
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

/* What of a limit is taken or given back. */
enum limit_part {
	LIMIT_RATE = 1,	 /* a new connection */
	LIMIT_PLACE = 2, /* a connection's that is open */
};

/* Brings the slots to the one that `now` is in: those that have gone by meanwhile are empty. Under the lock. */
static __always_inline void limit_advance(struct limit *limit, __u64 now)
{
	__u64 slot = now / LIMIT_SLOT_NS;

	for (int i = 0; i < LIMIT_SLOTS && limit->slot < slot; i++)
		limit->counts.passed[++limit->slot % LIMIT_SLOTS] = 0;
	if (limit->slot < slot)
		limit->slot = slot;
}

/*
 * Has a second up to now had all that it may? The latest slots are more than a second long together, so no
 * second that one may choose has more than the rate. Under the lock, after limit_advance.
 */
static __always_inline bool limit_is_reached(const struct limit *limit)
{
	__u32 passed = 0;

	for (int i = 0; i <= (int)(NS_PER_SECOND / LIMIT_SLOT_NS); i++)
		passed += limit->counts.passed[(limit->slot - i) % LIMIT_SLOTS];
	return passed >= limit->rate;
}

/*
 * Takes `parts` of the limit of an entry's end, or says why not. One without its limit's record
 * passes: the agent writes the record before the entry that names it.
 *
 * Who has a place is written under the limit's lock: so it is given back once, on however many CPUs.
 */
static __noinline int take_limit(struct conntrack_entry *entry, __u32 end, __u32 parts, __u64 now)
{
	__u32 reference = entry->end[end & 1].limit;
	struct limit *limit;
	int step = STEP_NEXT;

	if (!reference)
		return STEP_NEXT;
	limit = bpf_map_lookup_elem(&limits, &reference);
	if (!limit) {
		entry->has_place[end & 1] = parts & LIMIT_PLACE ? 1 : 0;
		return STEP_NEXT;
	}
	bpf_spin_lock(&limit->lock);
	limit_advance(limit, now);
	if (parts & LIMIT_PLACE && limit->connections && limit->open >= limit->connections)
		step = DROP(DROP_CONNECTION_LIMIT);
	else if (parts & LIMIT_RATE && limit->rate && limit_is_reached(limit))
		step = DROP(DROP_RATE_LIMITED);
	if (!step) {
		if (parts & LIMIT_PLACE) {
			limit->open++;
			entry->has_place[end & 1] = 1;
		}
		if (parts & LIMIT_RATE)
			limit->counts.passed[limit->slot % LIMIT_SLOTS]++;
	}
	bpf_spin_unlock(&limit->lock);
	return step;
}

/* A place is given back only by an entry that has it. */
static __noinline int give_back_limit(struct conntrack_entry *entry, __u32 end, __u32 parts)
{
	__u32 reference = entry->end[end & 1].limit;
	struct limit *limit = bpf_map_lookup_elem(&limits, &reference);

	if (!limit)
		return STEP_NEXT;
	bpf_spin_lock(&limit->lock);
	if (parts & LIMIT_PLACE && entry->has_place[end & 1]) {
		entry->has_place[end & 1] = 0;
		if (limit->open)
			limit->open--;
	}
	if (parts & LIMIT_RATE && limit->counts.passed[limit->slot % LIMIT_SLOTS])
		limit->counts.passed[limit->slot % LIMIT_SLOTS]--;
	bpf_spin_unlock(&limit->lock);
	return STEP_NEXT;
}

/*
 * Takes `parts` of both limits for the entry in the work area, but not what an end has already.
 * What is taken in vain is given back.
 */
__noinline int take_limits(struct __sk_buff *skb, __u32 parts)
{
	struct work *work = work_area(skb);
	bool taken = false;
	int step;

	if (!work)
		return DROP(DROP_WRITE_ERROR); /* unreachable: it is always there */
	if (!work->entry.has_place[END_SOURCE]) {
		step = take_limit(&work->entry, END_SOURCE, parts, work->now);
		if (step)
			return step;
		taken = true;
	}
	if (work->entry.has_place[END_DESTINATION])
		return STEP_NEXT;
	step = take_limit(&work->entry, END_DESTINATION, parts, work->now);
	if (step && taken)
		give_back_limit(&work->entry, END_SOURCE, parts);
	return step;
}

/* Must the connection take a place before it goes on? */
static __always_inline bool lacks_place(const struct conntrack_entry *entry)
{
	return (entry->end[END_SOURCE].limit && !entry->has_place[END_SOURCE]) ||
	       (entry->end[END_DESTINATION].limit && !entry->has_place[END_DESTINATION]);
}
