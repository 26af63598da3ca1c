/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Fragments (RFC 791, RFC 8200 section 4.5). Only a datagram's first fragment has ports; it leaves
 * them here for the others, which are then judged like it. One whose first has not come
 * by is dropped: nobody knows what it belongs to.
 */
#pragma once

#include "common.h"

#undef SOURCE_FILE
#define SOURCE_FILE FILE_FRAGMENT

/* What the fragments of one datagram have in common. */
struct fragment_key {
	struct ip_address source;
	struct ip_address destination;
	__be32 identification; /* IPv4: its 16 bits in the first bytes */
	__u8 family;
	__u8 protocol;
	__u16 pad;
};

/* What only the first fragment says. */
struct fragment_start {
	__be16 source_port;
	__be16 destination_port;
	__u16 judged; /* bytes of the datagram that nothing may be laid over */
	__u8 protocol;
	__u8 icmp_type;
	__u8 icmp_code;
	__u8 pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct fragment_key);
	__type(value, struct fragment_start);
} fragments SEC(".maps");

enum fragment_kind {
	FRAGMENT_NONE = 0, /* a whole datagram */
	FRAGMENT_FIRST = 1,
	FRAGMENT_LATER = 2,
};

/* How long a transport header is at least, in bytes. */
enum transport_size {
	TCP_BYTES = 20,
	SCTP_BYTES = 12,
	OTHER_BYTES = 8, /* UDP, ICMP */
};

static __always_inline void fragment_key(const struct packet *packet, struct fragment_key *key)
{
	key->source = packet->tuple.source;
	key->destination = packet->tuple.destination;
	key->identification = packet->fragment_id;
	key->family = packet->tuple.family;
	key->protocol = packet->fragment_protocol;
	key->pad = 0;
}

/* Leaves the ports of a first fragment for those that follow. */
static __noinline int remember_fragment(const struct packet *packet)
{
	const struct tuple *tuple = &packet->tuple;
	struct fragment_start start = {
		.source_port = tuple->source_port,
		.destination_port = tuple->destination_port,
		.judged = packet->l4_offset - packet->fragment_base +
			  (tuple->protocol == IPPROTO_TCP  ? TCP_BYTES :
			   tuple->protocol == IPPROTO_SCTP ? SCTP_BYTES :
							     OTHER_BYTES),
		.protocol = tuple->protocol,
		.icmp_type = tuple->icmp_type,
		.icmp_code = tuple->icmp_code,
	};
	struct fragment_key key;

	fragment_key(packet, &key);
	return bpf_map_update_elem(&fragments, &key, &start, BPF_ANY) ?
		       DROP(DROP_FRAGMENT_FIRST_MISSING) :
		       STEP_NEXT;
}

/*
 * Gives a later fragment what its datagram's first one said. One that begins inside the
 * headers that were judged would be laid over them (RFC 1858, RFC 3128, RFC 5722).
 */
static __noinline int recall_fragment(struct packet *packet)
{
	const struct fragment_start *start;
	struct fragment_key key;

	fragment_key(packet, &key);
	start = bpf_map_lookup_elem(&fragments, &key);
	if (!start)
		return DROP(DROP_FRAGMENT_FIRST_MISSING);
	if (packet->fragment_offset < start->judged)
		return DROP(DROP_FRAGMENT_OVERLAP);
	packet->tuple.protocol = start->protocol;
	packet->tuple.source_port = start->source_port;
	packet->tuple.destination_port = start->destination_port;
	packet->tuple.icmp_type = start->icmp_type;
	packet->tuple.icmp_code = start->icmp_code;
	return STEP_NEXT;
}
