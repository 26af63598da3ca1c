/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* ICMP errors, which belong to the connection that they quote. */
#pragma once

#include "common.h"
#include "conntrack.h"
#include "control.h"
#include "parse.h"
#include "track.h"

#undef SOURCE_FILE
#define SOURCE_FILE FILE_RELATED

/* What precedes the quoted packet in an ICMP error (RFC 792, RFC 4443). */
enum { ICMP_ERROR_BYTES = 8 };

/* The IP header behind an ICMP error's own 8 bytes, and what follows it: all but the ports. */
static __noinline int read_quoted(struct __sk_buff *skb, const struct packet *packet,
				  struct packet *quoted)
{
	__u32 offset = packet->l4_offset + ICMP_ERROR_BYTES;

	quoted->end = packet->end;
	if (packet->tuple.family == FAMILY_IPV4) {
		struct iphdr ip;
		__u32 size = 0;
		int step;

		if (!load(skb, quoted, offset, &ip, sizeof(ip)))
			return DROP(DROP_INVALID_PACKET);
		step = read_ipv4(&ip, quoted, &size);
		quoted->l4_offset = offset + size;
		return step;
	} else {
		struct ipv6hdr ip;

		if (!load(skb, quoted, offset, &ip, sizeof(ip)))
			return DROP(DROP_INVALID_PACKET);
		read_ipv6_addresses(&ip, &quoted->tuple);
		quoted->tuple.protocol = ip.nexthdr;
		quoted->l4_offset = offset + sizeof(ip);
		return skip_extensions(skb, quoted);
	}
}

/* At least 8 bytes of the transport header are quoted (RFC 792): its ports, or an echo's identifier. */
static __always_inline int read_quoted_ports(struct __sk_buff *skb, struct packet *quoted)
{
	struct tuple *tuple = &quoted->tuple;
	struct icmp_start start;

	tuple->icmp_type = 0;
	tuple->icmp_code = 0;
	if (!load(skb, quoted, quoted->l4_offset, &start, sizeof(start)))
		return DROP(DROP_INVALID_PACKET);
	if (tuple->protocol == IPPROTO_ICMP || tuple->protocol == IPPROTO_ICMPV6) {
		tuple->icmp_type = start.type;
		tuple->icmp_code = start.code;
		tuple->source_port = start.identifier;
		tuple->destination_port = start.identifier;
	} else {
		struct ports ports;

		__builtin_memcpy(&ports, &start, sizeof(ports));
		tuple->source_port = ports.source;
		tuple->destination_port = ports.destination;
	}
	return STEP_NEXT;
}

/*
 * ICMP errors (RFC 792, RFC 4443) speak of a packet that they quote. One that quotes a
 * packet of a connection that is allowed passes with it, to the quoted sender only, or to the proxy that has sent in its place. It changes
 * nothing of the connection: what is judged anew for it is not kept, and takes no place.
 */
__noinline int related(struct __sk_buff *skb)
{
	struct work *work = work_area(skb);
	struct packet *packet, *quoted;
	struct conntrack_entry *entry;
	struct tuple own;
	int step;

	if (!work)
		return DROP(DROP_WRITE_ERROR); /* unreachable: it is always there */
	packet = &work->packet;
	quoted = &work->quoted;
	step = read_quoted(skb, packet, quoted);
	if (step)
		return step;
	/* Without ports nobody knows which connection is meant. */
	if (quoted->fragment == FRAGMENT_LATER)
		return STEP_NEXT;
	if (!address_equal(&quoted->tuple.source, &packet->tuple.destination))
		return STEP_NEXT;
	/* A pod complains only about what was sent to itself. */
	if (work->hook == HOOK_POD_EGRESS &&
	    !address_equal(&quoted->tuple.destination, &packet->tuple.source))
		return STEP_NEXT;
	step = read_quoted_ports(skb, quoted);
	if (step)
		return step;

	entry = conntrack_find(&quoted->tuple);
	if (!entry || work->now > entry->expires)
		return STEP_NEXT;
	work->is_reply = is_reply(entry, &quoted->tuple);
	if (!is_packet_of(&quoted->tuple, work->is_reply))
		return STEP_NEXT;
	/* The revision of the quoted addresses, not of a router's on the way. */
	own = packet->tuple;
	packet->tuple = quoted->tuple;
	read_revision(work);
	step = entry->revision != work->revision ||
			       (entry->not_after && work->now >= entry->not_after) ?
		       judge_known(skb) :
		       STEP_NEXT;
	packet->tuple = own;
	work->is_reply = !work->is_reply; /* the error goes the other way than what it quotes */
	work->report = false;
	if (step)
		return step < 0 ? step : STEP_NEXT;
	/* What either end has of a proxied connection the proxy has sent: its socket has to hear of it. */
	work->to_proxy = !work->from_proxy && is_proxied(entry);
	return 1; /* related: passes */
}
