/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * How many connections without an answer one pod may have: its flood of first packets evicts no
 * other pod's connections from the tables.
 *
 * A budget is a bucket of tokens. A new connection takes one and gives it back when it is established;
 * that of one which never is comes back by time, when the connection itself ends.
 */
#pragma once

#include "common.h"
#include "config.h"
#include "shared/identity.h"

#undef SOURCE_FILE
#define SOURCE_FILE FILE_BUDGET

struct budget {
	struct bpf_spin_lock lock;
	__u32 tokens;
	__u64 updated; /* ns, CLOCK_BOOTTIME */
};

/* Key: endpoint id, and whose connections: see budget_key. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 131070);
	__type(key, __u32);
	__type(value, struct budget);
} budgets SEC(".maps");

enum {
	BUDGET_OF_RECEIVER = 1u << 31,
};

/*
 * Whose budget a judged connection is on: its sender's, or, when that is not on this node, its receiver's;
 * 0: nobody's. The node's own need none: its probes arrive whatever the world sends to the pod. Neither do those
 * by which an operator reaches the node: no flood locks him out.
 */
static __always_inline __u32 budget_key(const struct work *work)
{
	const struct event_end *source = &work->end[END_SOURCE];
	const struct event_end *destination = &work->end[END_DESTINATION];

	if (source->identity == IDENTITY_HOST)
		return 0;
	if (source->endpoint)
		return source->endpoint;
	return destination->endpoint && !work->failsafe ?
		       destination->endpoint | BUDGET_OF_RECEIVER :
		       0;
}

/* Takes a token for the connection in the work area, or says that none is left. */
static __noinline int take_budget(struct work *work)
{
	__u64 interval = config.tcp_syn_timeout / config.opening_budget;
	__u32 key = budget_key(work);
	__u64 now = work->now;
	struct budget *budget;
	bool taken;

	work->entry.budget = key;
	if (!key)
		return STEP_NEXT;
	budget = bpf_map_lookup_elem(&budgets, &key);
	if (!budget) {
		struct budget full = { .tokens = config.opening_budget - 1, .updated = now };

		bpf_map_update_elem(&budgets, &key, &full, BPF_NOEXIST);
		return STEP_NEXT;
	}
	bpf_spin_lock(&budget->lock);
	if (now > budget->updated + interval) {
		__u64 gained = (now - budget->updated) / interval;
		__u64 tokens = budget->tokens + gained;

		budget->updated += gained * interval;
		budget->tokens = tokens < config.opening_budget ? tokens : config.opening_budget;
	}
	taken = budget->tokens > 0;
	if (taken)
		budget->tokens--;
	bpf_spin_unlock(&budget->lock);
	return taken ? STEP_NEXT : DROP(DROP_CONNTRACK_INSERT_FAILED);
}

/* The connection is established. */
static __noinline int give_back_budget(struct conntrack_entry *entry)
{
	__u32 key = entry->budget;
	struct budget *budget = bpf_map_lookup_elem(&budgets, &key);

	if (!budget)
		return STEP_NEXT;
	bpf_spin_lock(&budget->lock);
	if (entry->budget && budget->tokens < config.opening_budget)
		budget->tokens++;
	entry->budget = 0;
	bpf_spin_unlock(&budget->lock);
	return STEP_NEXT;
}
