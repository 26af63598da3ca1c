/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* A packet's connection: found, opened, or judged again. */
#pragma once

#include "budget.h"
#include "common.h"
#include "conntrack.h"
#include "judge.h"
#include "limit.h"

#undef SOURCE_FILE
#define SOURCE_FILE FILE_TRACK

/* What judge_known says when the packet's connection is not the one that was judged. */
enum { ANOTHER_CONNECTION = 1 };

static __always_inline void reverse(const struct tuple *tuple, struct tuple *reversed)
{
	*reversed = *tuple;
	reversed->source = tuple->destination;
	reversed->destination = tuple->source;
	reversed->source_port = tuple->destination_port;
	reversed->destination_port = tuple->source_port;
}

/* Did the judgement find other rules or verdicts than the entry keeps? */
static __always_inline bool end_differs(const struct conntrack_end *kept,
					const struct event_end *end)
{
	return kept->verdict != end->verdict || kept->rules[0] != end->rules[0] ||
	       kept->rules[1] != end->rules[1] || kept->rules[2] != end->rules[2];
}

/* A connection's first packet: judge it, and remember what was said. */
__noinline int open_connection(struct __sk_buff *skb)
{
	struct work *work = work_area(skb);
	struct conntrack_entry *entry;
	int step;

	if (!work)
		return DROP(DROP_WRITE_ERROR);
	entry = &work->entry;
	work->is_reply = false;
	work->original = work->packet.tuple;
	entry->flags = source_is_high(&work->original) ? CONNECTION_SOURCE_IS_HIGH : 0;
	if (work->hook == HOOK_POD_INGRESS)
		entry->flags |= CONNECTION_VIA_STACK;
	step = judge(skb);
	if (step)
		return step;
	step = take_budget(&work->original, work->now);
	if (step)
		return step;
	step = take_limits(entry, work->now);
	if (step)
		return step;
	work->report = true;
	entry->created = work->now;
	entry->expires = 0;
	for (int i = 0; i < ENDS; i++) {
		entry->packets[i] = 0;
		entry->bytes[i] = 0;
		entry->tcp_flags[i] = 0;
	}
	__builtin_memset(entry->pad, 0, sizeof(entry->pad));
	return STEP_NEXT;
}

/*
 * The entry's verdicts were found under another revision: judge the connection's
 * original direction again, also for a reply, into the work area. Returns
 * ANOTHER_CONNECTION where the packet is of none that was judged.
 */
__noinline int judge_known(struct __sk_buff *skb)
{
	struct work *work = work_area(skb);
	const struct conntrack_entry *entry;
	__u8 icmp_type;

	if (!work)
		return DROP(DROP_WRITE_ERROR);
	entry = conntrack_find(&work->packet.tuple);
	if (!entry)
		return ANOTHER_CONNECTION; /* evicted meanwhile */
	icmp_type = work->packet.tuple.icmp_type;
	work->entry = *entry;
	if (work->is_reply) {
		reverse(&work->packet.tuple, &work->original);
		/* The request's type is what policy speaks of, not the reply's. */
		if (work->original.protocol == IPPROTO_ICMP && icmp_type == ICMP_ECHOREPLY)
			work->original.icmp_type = ICMP_ECHO;
		if (work->original.protocol == IPPROTO_ICMPV6 && icmp_type == ICMPV6_ECHO_REPLY)
			work->original.icmp_type = ICMPV6_ECHO_REQUEST;
	} else {
		work->original = work->packet.tuple;
	}
	/* Another pod on the old address inherits nothing. */
	if (incarnation_at(&work->original.source, work->original.family) !=
		    entry->end[END_SOURCE].incarnation ||
	    incarnation_at(&work->original.destination, work->original.family) !=
		    entry->end[END_DESTINATION].incarnation)
		return ANOTHER_CONNECTION;
	return judge(skb);
}

/*
 * Judges a known connection again, for what goes on by it. The entry is left as it is when the
 * answer is no; it gets no new time and ends by itself.
 */
__noinline int judge_again(struct __sk_buff *skb)
{
	struct work *work = work_area(skb);
	const struct conntrack_entry *entry;
	int step;

	if (!work)
		return DROP(DROP_WRITE_ERROR);
	step = judge_known(skb);
	if (step)
		return step < 0 ? step : open_connection(skb);
	entry = conntrack_find(&work->packet.tuple);
	if (!entry)
		return open_connection(skb);
	if (limits_differ(entry, &work->entry)) {
		release_limits(entry);
		step = take_limits(&work->entry, work->now);
		if (step)
			return step;
	}
	work->report = end_differs(&entry->end[END_SOURCE], &work->end[END_SOURCE]) ||
		       end_differs(&entry->end[END_DESTINATION], &work->end[END_DESTINATION]);
	return STEP_NEXT;
}

/* A packet that is of no connection, and opens none: judged for itself. */
__noinline int judge_alone(struct __sk_buff *skb)
{
	struct work *work = work_area(skb);
	int step;

	if (!work)
		return DROP(DROP_WRITE_ERROR);
	work->is_reply = false;
	work->original = work->packet.tuple;
	work->entry.flags = work->hook == HOOK_POD_INGRESS ? CONNECTION_VIA_STACK : 0;
	step = judge(skb);
	if (step)
		return step;
	work->report = true;
	return STEP_NEXT;
}

/*
 * Finds or opens the packet's connection. `incarnation` is that of the endpoint whose
 * veth this is, which is the sender (from_pod) or the receiver.
 *
 * On STEP_NEXT *hop is where the packet goes.
 */
static __always_inline int track(struct __sk_buff *skb, struct work *work, __u32 incarnation,
				 bool from_pod, struct next_hop *hop)
{
	struct packet *packet = &work->packet;
	struct conntrack_entry *entry;
	bool fresh = false;
	__u32 from;
	int step;

	entry = conntrack_find(&packet->tuple);
	if (entry) {
		__u32 own;

		work->is_reply = is_reply(entry, &packet->tuple);
		own = work->is_reply == from_pod ? END_DESTINATION : END_SOURCE;
		if (conntrack_is_over(entry, packet, work->now, work->is_reply) ||
		    entry->end[own].incarnation != incarnation)
			entry = NULL;
	}
	if (is_icmp(&packet->tuple) && !is_echo_request(&packet->tuple) &&
	    !(entry && is_packet_of(&packet->tuple, work->is_reply))) {
		step = judge_alone(skb);
		*hop = work->entry.hop[END_DESTINATION];
		return step;
	}
	if (!entry) {
		step = open_connection(skb);
		fresh = true;
	} else if (entry->revision != work->revision ||
		   (entry->not_after && work->now >= entry->not_after)) {
		step = judge_again(skb);
		fresh = true;
	} else {
		step = STEP_NEXT;
	}
	if (step)
		return step;

	from = work->is_reply & 1; /* END_DESTINATION sends replies */
	if (fresh)
		entry = &work->entry;
	if (work->is_reply && !(entry->flags & CONNECTION_SEEN_REPLY)) {
		reverse(&packet->tuple, &work->original);
		give_back_budget(&work->original);
	}
	/* What a pod sends up the stack to another pod here is counted where it left. */
	if (fresh || from_pod || !entry->end[from].incarnation)
		conntrack_count(entry, packet, from, work->now, skb->len);
	if (is_closed(entry) && !(entry->flags & CONNECTION_RELEASED)) {
		release_limits(entry);
		entry->flags |= CONNECTION_RELEASED;
	}
	*hop = entry->hop[from == END_SOURCE ? END_DESTINATION : END_SOURCE];
	return fresh ? conntrack_store(&packet->tuple, entry) : STEP_NEXT;
}
