/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* A packet's connection: found, opened, or judged again. */
#pragma once

#include "budget.h"
#include "common.h"
#include "conntrack.h"
#include "judge.h"
#include "limit.h"
#include "proxy.h"
#include "reset.h"

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

/* Gives back the places of the entry that the packet's key finds. */
__noinline int release_places(struct __sk_buff *skb)
{
	struct work *work = work_area(skb);
	struct conntrack_entry *entry;

	if (!work)
		return STEP_NEXT;
	entry = conntrack_find(&work->packet.tuple);
	if (!entry)
		return STEP_NEXT;
	give_back_limit(entry, END_SOURCE, LIMIT_PLACE);
	give_back_limit(entry, END_DESTINATION, LIMIT_PLACE);
	return STEP_NEXT;
}

/* The packet has established its connection, which needs no budget any more. */
__noinline int release_budget(struct __sk_buff *skb)
{
	struct work *work = work_area(skb);
	struct conntrack_entry *entry;

	if (!work)
		return STEP_NEXT;
	entry = conntrack_find(&work->packet.tuple);
	return entry ? give_back_budget(entry) : STEP_NEXT;
}

/* Of a connection that begins with this packet, which was judged: enum connection_proxied. */
static __always_inline __u8 proxied_of(const struct work *work)
{
	const struct tuple *tuple = &work->original;

	if (work->from_proxy == MARK_PROXY_TO_SERVER)
		return PROXIED_SERVER;
	if (work->from_proxy)
		return PROXIED_CLIENT;
	if (!work->redirected)
		return PROXIED_NOT;
	return work->fails_open && !proxy_port(tuple->protocol, tuple->family == FAMILY_IPV4,
					       work->now) ?
		       PROXIED_OPEN :
		       PROXIED_CLIENT;
}

/* It passes without the proxy: that is counted, and told of as if its rules asked nothing of requests. */
static __always_inline void tell_open(struct work *work)
{
	__u32 zero = 0;
	__u64 *count = bpf_map_lookup_elem(&proxy_bypassed, &zero);

	if (count)
		(*count)++;
	for (int i = 0; i < ENDS; i++)
		if (work->end[i].verdict == VERDICT_REDIRECT)
			work->end[i].verdict = VERDICT_ALLOW;
}

/* Is the packet of the leg between the proxy and the server, which is not counted: it is the client's connection? */
static __always_inline bool is_second_leg(const struct work *work,
					  const struct conntrack_entry *entry)
{
	return entry->proxied == PROXIED_CLIENT &&
	       (work->from_proxy ? work->from_proxy == MARK_PROXY_TO_SERVER : work->is_reply);
}

/* A connection's first packet, or the first of it that is seen: judge it, and remember what was said. */
__noinline int open_connection(struct __sk_buff *skb)
{
	struct work *work = work_area(skb);
	struct conntrack_entry *entry;
	int step;

	if (!work)
		return DROP(DROP_WRITE_ERROR); /* unreachable: it is always there */
	entry = &work->entry;
	work->is_reply = work->answers;
	if (work->is_reply)
		reverse(&work->packet.tuple, &work->original);
	else
		work->original = work->packet.tuple;
	entry->flags = work->place;
	if (source_is_high(&work->original))
		entry->flags |= CONNECTION_SOURCE_IS_HIGH;
	step = judge(skb);
	if (step)
		return step;
	entry->proxied = proxied_of(work);
	if (is_proxied(entry))
		__builtin_memset(entry->hop, 0, sizeof(entry->hop));
	for (int i = 0; i < ENDS; i++)
		entry->has_place[i] = 0;
	if (work->replaces)
		release_places(skb); /* of one that is over */
	step = take_limits(skb, LIMIT_RATE | LIMIT_PLACE);
	if (step)
		return step;
	step = take_budget(work);
	if (step) {
		for (int i = 0; i < ENDS; i++)
			give_back_limit(entry, i, LIMIT_RATE | LIMIT_PLACE);
		return step;
	}
	if (entry->proxied == PROXIED_OPEN)
		tell_open(work);
	work->report = true;
	entry->created = work->now;
	entry->told = 0;
	entry->expires = 0;
	for (int i = 0; i < ENDS; i++) {
		entry->packets[i] = 0;
		entry->bytes[i] = 0;
		entry->tcp_flags[i] = 0;
	}
	entry->pad = 0;
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
	int step;

	if (!work)
		return DROP(DROP_WRITE_ERROR); /* unreachable: it is always there */
	entry = conntrack_find(&work->packet.tuple);
	if (!entry)
		return ANOTHER_CONNECTION; /* evicted meanwhile */
	icmp_type = work->packet.tuple.icmp_type;
	work->entry = *entry;
	work->entry.cut = 0;
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
	step = judge(skb);
	if (step)
		return step;
	if (work->redirected && !is_proxied(&work->entry) &&
	    !(work->entry.proxied == PROXIED_OPEN && work->fails_open)) {
		/* Its ends have agreed on numbers that the proxy does not know: it has to begin anew. */
		if (work->original.protocol == IPPROTO_TCP) {
			work->cut = !(work->packet.tcp_flags & TCP_RST);
			return DROP(DROP_PROXY_LOOKUP_FAILED);
		}
		work->entry.proxied = PROXIED_CLIENT;
	}
	if (is_proxied(&work->entry))
		__builtin_memset(work->entry.hop, 0, sizeof(work->entry.hop));
	return STEP_NEXT;
}

/* Of a TCP connection that is over: does the packet only say so? */
static __noinline bool is_farewell(struct __sk_buff *skb, const struct packet *packet)
{
	__u8 words; /* of the TCP header, in the upper 4 bits */

	if (packet->tuple.protocol != IPPROTO_TCP || packet->fragment == FRAGMENT_LATER)
		return false;
	if (packet->tcp_flags & (TCP_FIN | TCP_RST))
		return true;
	if (packet->tcp_flags & TCP_SYN ||
	    bpf_skb_load_bytes(skb, packet->l4_offset + 12, &words, 1))
		return false;
	return skb->len <= packet->l4_offset + (words >> 4) * 4; /* no payload */
}

/*
 * Judges a known connection again, for what goes on by it, and finds places for it where the rules
 * are others or its own are given back already. It is not new: no rate counts it. A place
 * is given back only when its successor is found.
 */
__noinline int keep_connection(struct __sk_buff *skb)
{
	struct work *work = work_area(skb);
	struct conntrack_entry *entry;
	int step;

	if (!work)
		return DROP(DROP_WRITE_ERROR); /* unreachable: it is always there */
	step = judge_known(skb);
	if (step)
		return step;
	entry = conntrack_find(&work->packet.tuple);
	if (!entry)
		return ANOTHER_CONNECTION;
	for (int i = 0; i < ENDS; i++)
		if (entry->end[i].limit != work->entry.end[i].limit)
			work->entry.has_place[i] = 0;
	if (lacks_place(&work->entry) && !(is_closed(entry) && is_farewell(skb, &work->packet))) {
		step = take_limits(skb, LIMIT_PLACE);
		if (step)
			return step;
	}
	for (int i = 0; i < ENDS; i++)
		if (entry->end[i].limit != work->entry.end[i].limit)
			give_back_limit(entry, i, LIMIT_PLACE);
	work->report = end_differs(&entry->end[END_SOURCE], &work->end[END_SOURCE]) ||
		       end_differs(&entry->end[END_DESTINATION], &work->end[END_DESTINATION]);
	return STEP_NEXT;
}

/*
 * How long a denied connection is remembered after its last packet, in ns: twice as long as TCP waits at most
 * before it tries again (RFC 6298 section 2.4 as Linux has it: 120 s). A packet of the side that has not
 * opened it must not be taken for the first of another one.
 */
#define DENIED_LIFETIME 240000000000ull

/*
 * What keep_connection says of a known connection. One that may not go on is left as it is, but for a
 * note of that: it gives its places back and ends some time after the last try, by itself.
 */
__noinline int judge_again(struct __sk_buff *skb)
{
	struct work *work = work_area(skb);
	struct conntrack_entry *entry;
	int step;

	if (!work)
		return DROP(DROP_WRITE_ERROR); /* unreachable: it is always there */
	step = keep_connection(skb);
	if (!step)
		return STEP_NEXT;
	if (step > 0)
		return open_connection(skb);
	release_places(skb);
	if (is_cut(&work->packet, step))
		work->cut = true;
	entry = conntrack_find(&work->packet.tuple);
	if (entry) {
		entry->expires = work->now + DENIED_LIFETIME;
		entry->cut = 1;
	}
	return step;
}

/*
 * The map took no entry: gives back what the one in the work area has alone. What is there of the
 * connection goes on under its old revision. A rate, and a budget, give back by time.
 */
__noinline int give_up_entry(struct __sk_buff *skb)
{
	struct work *work = work_area(skb);
	const struct conntrack_entry *kept;

	if (!work)
		return STEP_NEXT;
	kept = conntrack_find(&work->packet.tuple);
	for (int i = 0; i < ENDS; i++) {
		if (kept && kept->has_place[i] && kept->end[i].limit == work->entry.end[i].limit)
			continue;
		give_back_limit(&work->entry, i, LIMIT_PLACE);
	}
	if (!kept && work->entry.budget)
		give_back_budget(&work->entry);
	return STEP_NEXT;
}

/* What only routers say, to change the ways that others take. Of IPv6: see answer_nd. */
static __always_inline bool is_of_routers(const struct tuple *tuple)
{
	return tuple->protocol == IPPROTO_ICMP &&
	       (tuple->icmp_type == ICMP_REDIRECT || tuple->icmp_type == ICMP_ROUTER_ADVERTISEMENT);
}

/* A packet that is of no connection, and opens none: judged for itself. */
__noinline int judge_alone(struct __sk_buff *skb)
{
	struct work *work = work_area(skb);
	int step;

	if (!work)
		return DROP(DROP_WRITE_ERROR); /* unreachable: it is always there */
	if (work->hook == HOOK_POD_EGRESS && is_of_routers(&work->packet.tuple))
		return DROP(DROP_FORBIDDEN_ICMPV4); /* a pod is no router */
	work->is_reply = false;
	work->original = work->packet.tuple;
	work->entry.flags = work->place;
	step = judge(skb);
	if (step)
		return step;
	if (work->redirected)
		return DROP(DROP_PROXY_UNKNOWN_PROTOCOL); /* unreachable: by ports */
	for (int i = 0; i < ENDS; i++)
		work->entry.has_place[i] = 0;
	step = take_limits(skb, LIMIT_RATE);
	work->report = !step;
	return step;
}

/*
 * Finds or opens the packet's connection. The pod whose interface this is, is the sender (from_pod)
 * or the receiver.
 *
 * On STEP_NEXT work->hop is where the packet goes.
 */
static __always_inline int track(struct __sk_buff *skb, struct work *work, bool from_pod)
{
	struct packet *packet = &work->packet;
	struct conntrack_entry *entry;
	bool fresh = false;
	__u32 from;
	int step;

	entry = conntrack_find(&packet->tuple);
	work->replaces = entry;
	if (entry) {
		__u32 own;

		work->is_reply = is_reply(entry, &packet->tuple);
		own = work->is_reply == from_pod ? END_DESTINATION : END_SOURCE;
		/* The proxy may call the server when its client has said farewell already. */
		if ((work->from_proxy && entry->proxied == PROXIED_CLIENT ?
			     work->now > entry->expires :
			     conntrack_is_over(entry, packet, work->now, work->is_reply)) ||
		    entry->end[own].incarnation != work->incarnation)
			entry = NULL;
		/* The node's own connection, and one that it forwards under its address, may have equal ports one after the other. */
		else if (!from_pod && !work->is_reply &&
			 (entry->flags ^ work->place) & CONNECTION_FORWARDED)
			entry = NULL;
	}
	if (is_icmp(&packet->tuple) && !is_echo_request(&packet->tuple) &&
	    !(entry && is_packet_of(&packet->tuple, work->is_reply))) {
		step = judge_alone(skb);
		work->hop = work->entry.hop[END_DESTINATION];
		return step;
	}
	if (!entry) {
		step = open_connection(skb);
		fresh = true;
	} else if (entry->revision != work->revision ||
		   (entry->not_after && work->now >= entry->not_after) ||
		   (lacks_place(entry) && !is_farewell(skb, packet))) {
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
	/*
	 * What a pod sends up the stack to another pod here is counted where it left, if it had the
	 * same addresses there: a connection that began behind a NAT is seen only here.
	 */
	if (is_proxied(entry))
		work->to_proxy = !work->from_proxy;
	if (is_second_leg(work, entry)) {
		work->trace = false;
	} else if (fresh || from_pod || is_proxied(entry) || !entry->end[from].incarnation ||
		   (from == END_SOURCE && entry->flags & CONNECTION_VIA_STACK)) {
		struct passed passed = {
			.now = work->now,
			.length = skb->len,
			.from = from,
			.protocol = packet->tuple.protocol,
			.tcp_flags = packet->tcp_flags,
		};

		work->trace = conntrack_count(entry, &passed);
	}
	work->hop = entry->hop[from == END_SOURCE ? END_DESTINATION : END_SOURCE];
	step = fresh ? conntrack_store(&packet->tuple, entry) : STEP_NEXT;
	if (step) {
		give_up_entry(skb);
		return step;
	}
	if (entry->budget && entry->flags & CONNECTION_ESTABLISHED)
		release_budget(skb);
	if (entry->has_place[END_SOURCE] | entry->has_place[END_DESTINATION] &&
	    packet->tcp_flags & (TCP_FIN | TCP_RST) && is_closed(entry))
		release_places(skb);
	return step;
}
