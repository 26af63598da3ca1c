/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The short way: a packet that a pod of this node sends on a known connection, whose kept verdict holds.
 * It needs the connection's entry and nothing else; whatever is not plain goes the long way.
 *
 * What the long way asks of other maps, the entry answers while its revision holds: a changed record
 * raises the epoch of its address. The sender's device and MAC address are those of the hop towards it: it
 * is who it says.
 */
#pragma once

#include "budget.h"
#include "common.h"
#include "conntrack.h"
#include "control.h"
#include "deliver.h"
#include "finish.h"
#include "neighbour.h"
#include "trace.h"

#undef SOURCE_FILE
#define SOURCE_FILE FILE_FAST

/* Version 4, and a header of 5 words. */
enum { IPV4_PLAIN = 0x45 };

/*
 * Reads TCP's or UDP's ports and flags from directly accessible bytes. `length` is that of the transport header
 * and payload, by the IP header. False: not plain.
 */
static __always_inline bool read_plain_l4(const void *l4, const void *end, __u32 length,
					  struct tuple *tuple, __u8 *tcp_flags)
{
	const struct tcp_start *tcp = l4;
	const struct ports *ports = l4;

	if (tuple->protocol == IPPROTO_TCP) {
		if ((void *)(tcp + 1) > end || length < TCP_BYTES ||
		    (tcp->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN)
			return false; /* the first of a connection, perhaps */
		*tcp_flags = tcp->flags;
	} else {
		if ((void *)(ports + 1) > end || length < transport_bytes(IPPROTO_UDP) ||
		    tuple->protocol != IPPROTO_UDP)
			return false;
		*tcp_flags = 0;
	}
	tuple->source_port = ports->source;
	tuple->destination_port = ports->destination;
	return true;
}

/* Reads a packet without options, extension headers or fragments. False: not plain. */
static __always_inline bool read_plain(struct __sk_buff *skb, struct tuple *tuple, __u8 *tcp_flags)
{
	const void *end = (void *)(long)skb->data_end;
	const struct ethhdr *eth = (void *)(long)skb->data;

	if ((void *)(eth + 1) > end)
		return false;
	if (eth->h_proto == bpf_htons(ETH_P_IP)) {
		const struct iphdr *ip = (void *)(eth + 1);
		__u32 length;

		if ((void *)(ip + 1) > end)
			return false;
		length = bpf_ntohs(ip->tot_len);
		if (*(const __u8 *)ip != IPV4_PLAIN || ETH_HLEN + length > skb->len ||
		    length < sizeof(*ip) ||
		    ip->frag_off & bpf_htons(IPV4_MORE_FRAGMENTS | IPV4_OFFSET))
			return false;
		tuple->family = FAMILY_IPV4;
		tuple->protocol = ip->protocol;
		tuple->source.v4 = ip->saddr;
		tuple->destination.v4 = ip->daddr;
		return read_plain_l4(ip + 1, end, length - sizeof(*ip), tuple, tcp_flags);
	}
	if (eth->h_proto == bpf_htons(ETH_P_IPV6)) {
		const struct ipv6hdr *ip = (void *)(eth + 1);
		__u32 length;

		if ((void *)(ip + 1) > end)
			return false;
		length = bpf_ntohs(ip->payload_len);
		if (ip->version != 6 || ETH_HLEN + sizeof(*ip) + length > skb->len)
			return false;
		read_ipv6_addresses(ip, tuple);
		tuple->protocol = ip->nexthdr;
		return read_plain_l4(ip + 1, end, length, tuple, tcp_flags);
	}
	return false;
}

/* Tells of a packet's connection: see trace. */
static __noinline int trace_known(struct __sk_buff *skb, const struct tuple *tuple,
				  const struct passed *passed)
{
	struct work *work = begin(skb, HOOK_POD_EGRESS);

	if (!work)
		return STEP_NEXT;
	work->packet.tuple = *tuple;
	work->packet.tcp_flags = passed->tcp_flags;
	work->is_reply = passed->from;
	work->now = passed->now;
	return trace(skb);
}

/*
 * Forwards the packet, or returns STEP_NEXT: the long way. Most packets of an established connection
 * need no clock (see fast_until); those that change its state, and one now and then, do.
 */
static __always_inline int forward_known(struct __sk_buff *skb)
{
	struct conntrack_entry *entry;
	const struct ethhdr *eth;
	struct tuple tuple = {};
	struct next_hop hop;
	__u8 tcp_flags;
	__u64 now = 0;
	__u32 from;
	int step;

	if (skb->vlan_present || !read_plain(skb, &tuple, &tcp_flags))
		return STEP_NEXT;
	entry = conntrack_find_here(&tuple);
	if (!entry || entry->revision != revision_of(control_word(CONTROL_GENERATION), &tuple))
		return STEP_NEXT;
	from = is_reply(entry, &tuple) ? END_DESTINATION : END_SOURCE;
	eth = (void *)(long)skb->data;
	if (entry->hop[from].ifindex != skb->ifindex ||
	    (void *)(eth + 1) > (void *)(long)skb->data_end ||
	    !mac_equal(eth->h_source, entry->hop[from].destination_mac))
		return STEP_NEXT;
	if (tcp_flags & (TCP_SYN | TCP_FIN | TCP_RST) || bpf_jiffies64() >= entry->fast_until) {
		now = bpf_ktime_get_boot_ns();
		if (!is_unconditional(entry) || now > entry->expires)
			return STEP_NEXT;
	}
	hop = entry->hop[from == END_SOURCE ? END_DESTINATION : END_SOURCE];
	step = hop.ifindex ? deliver(skb, &hop, tuple.family) : ACTION_NEXT;
	if (step < ACTION_NEXT)
		return STEP_NEXT; /* a drop; the long way says why */
	if (now) {
		struct passed passed = {
			.now = now,
			.length = skb->len,
			.from = from,
			.protocol = tuple.protocol,
			.tcp_flags = tcp_flags,
		};

		if (conntrack_count(entry, &passed))
			trace_known(skb, &tuple, &passed);
		if (entry->budget && entry->flags & CONNECTION_ESTABLISHED)
			give_back_budget(entry);
	} else {
		if (tcp_flags & ~entry->tcp_flags[from])
			entry->tcp_flags[from] |= tcp_flags;
		add(&entry->packets[from], 1);
		add(&entry->bytes[from], skb->len);
	}
	count_forwarded(HOOK_POD_EGRESS, skb->len);
	return step;
}
