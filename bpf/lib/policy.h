/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What an endpoint's policy says about a peer, a protocol and a port. */
#pragma once

#include "common.h"
#include "shared/policy.h"

#undef SOURCE_FILE
#define SOURCE_FILE FILE_POLICY

struct policy_inner {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 16384);
	/* Sizes, not types: BTF has only forward declarations behind a map's values. */
	__uint(key_size, sizeof(struct policy_key));
	__uint(value_size, sizeof(struct policy_entry));
};

/* The old and the new policy of every endpoint and the node, and one to wait with. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 131073);
	__type(key, __u32); /* policy slot */
	__array(values, struct policy_inner);
} policy SEC(".maps");

static __always_inline __u8 policy_match(__u32 lookup, __u8 prefix_bits)
{
	if (lookup == LOOKUP_ANY)
		return prefix_bits == 0			   ? MATCH_ALL :
		       prefix_bits == POLICY_PROTOCOL_BITS ? MATCH_PROTOCOL_ONLY :
							     MATCH_L4_ONLY;
	return prefix_bits == 0			   ? MATCH_L3_ONLY :
	       prefix_bits == POLICY_PROTOCOL_BITS ? MATCH_L3_PROTOCOL :
						     MATCH_L3_L4;
}

/*
 * Lets one look-up's decision count, if it has the highest precedence so far. Of equal ones all are named:
 * each is enough, so one without a limit lifts the others', and where one ends it is judged anew.
 */
static __always_inline void policy_take(struct event_end *end, struct policy_answer *answer,
					int lookup, const struct policy_decision *decision,
					__u64 now)
{
	__u32 precedence = decision->precedence, rule = decision->rule;
	__u8 verdict = decision->verdict;

	if (!precedence || precedence < answer->precedence)
		return;
	if (decision->not_after && now >= decision->not_after) {
		if (verdict == VERDICT_ALLOW &&
		    precedence - POLICY_NORMAL < POLICY_ADMIN - POLICY_NORMAL) {
			if (answer->precedence > POLICY_NORMAL)
				return;
			precedence = POLICY_NORMAL;
			rule = 0;
		}
		verdict = VERDICT_DENY;
	}
	if (precedence > answer->precedence) {
		answer->precedence = precedence;
		answer->limit = decision->limit;
		answer->not_after = decision->not_after;
		answer->flags = decision->flags;
		end->verdict = verdict;
		end->match = policy_match(lookup, decision->prefix_bits);
		for (int i = 0; i < LOOKUPS; i++)
			end->rules[i] = 0;
	} else {
		if (!decision->limit)
			answer->limit = 0;
		/* Passing without the proxy is what all of them have to allow. */
		answer->flags = ((answer->flags | decision->flags) & POLICY_PLAIN) |
				(answer->flags & decision->flags & POLICY_FAIL_OPEN);
		if (decision->not_after &&
		    (!answer->not_after || decision->not_after < answer->not_after))
			answer->not_after = decision->not_after;
	}
	end->rules[lookup] = rule;
}

static __always_inline void policy_nothing(struct event_end *end, struct policy_answer *answer)
{
	__builtin_memset(answer, 0, sizeof(*answer));
	end->verdict = VERDICT_DENY;
	end->match = MATCH_NONE;
	for (int i = 0; i < LOOKUPS; i++)
		end->rules[i] = 0;
}

/* Does another look-up allow the same without asking for the proxy? It does as long as that rule holds. */
static __always_inline void policy_plain(struct policy_answer *answer,
					 const struct policy_decision *decision, __u64 now)
{
	if (decision->verdict != VERDICT_ALLOW || decision->precedence < POLICY_NORMAL ||
	    (decision->not_after && now >= decision->not_after))
		return;
	answer->flags |= POLICY_PLAIN;
	if (decision->not_after && (!answer->not_after || decision->not_after < answer->not_after))
		answer->not_after = decision->not_after;
}

/*
 * Judges. Three look-ups: the peer's identity, its address class, anybody.
 *   1. The highest precedence decides (a deny has a higher one than an allow).
 *   2. Where that passes, the highest precedence of what the three say below decides.
 *   3. All look-ups that say the same at that precedence are named in `end->rules`.
 *   4. A redirect is plain where another look-up of its tier, or its own entry, allows the same without the proxy.
 *   5. No match at all is a denial without a rule.
 * Within one peer the compiler has made the longest match the right one.
 *
 * Returns STEP_NEXT with end->verdict, or a drop when the endpoint has no policy map.
 */
static __noinline int policy_judge(const struct policy_query *query, struct event_end *end,
				   struct policy_answer *answer)
{
	struct policy_key key = {
		.prefixlen = POLICY_FULL_BITS,
		.direction = query->direction,
		.protocol = query->protocol,
		.port = query->port,
	};
	const struct policy_entry *found[LOOKUPS] = {};
	__u32 slot = query->slot;
	void *map = bpf_map_lookup_elem(&policy, &slot);
	bool passes;

	policy_nothing(end, answer);
	if (!map)
		return DROP(DROP_ENDPOINT_NOT_READY);

#pragma unroll
	for (int i = 0; i < LOOKUPS; i++) {
		key.peer = i == LOOKUP_IDENTITY ? bpf_htonl(query->identity) :
			   i == LOOKUP_CLASS	? bpf_htonl(query->address_class) :
						  0;
		if (i != LOOKUP_ANY && !key.peer)
			continue;
		found[i] = bpf_map_lookup_elem(map, &key);
		if (found[i])
			policy_take(end, answer, i, &found[i]->upper, query->now);
	}
	passes = end->verdict == VERDICT_PASS;
	if (passes) {
		policy_nothing(end, answer);
#pragma unroll
		for (int i = 0; i < LOOKUPS; i++) {
			if (found[i])
				policy_take(end, answer, i, &found[i]->below, query->now);
		}
	}
	if (end->verdict != VERDICT_REDIRECT)
		return STEP_NEXT;
#pragma unroll
	for (int i = 0; i < LOOKUPS; i++) {
		if (found[i])
			policy_plain(answer, passes ? &found[i]->below : &found[i]->upper,
				     query->now);
	}
	return STEP_NEXT;
}
