/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Fragments (RFC 791, RFC 8200 section 4.5). Only a datagram's first fragment has ports; it leaves
 * them here for the others, which are then judged like it. One whose first has not come
 * by is dropped: nobody knows what it belongs to.
 */
#pragma once

#include "common.h"
#include "shared/fragment.h"

#undef SOURCE_FILE
#define SOURCE_FILE FILE_FRAGMENT

/*
 * Every pod has so many places for datagrams of which fragments come, and one that sends a flood of
 * them takes its own only.
 */
#define FRAGMENT_PLACES_LOG2 7

/* With bits of its address: of a remote that answers a masqueraded flow. No id of an endpoint has the bit. */
#define FRAGMENTS_OF_REMOTE (1u << 31)
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 32768);
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

static __always_inline __u32 transport_bytes(__u8 protocol)
{
	return protocol == IPPROTO_TCP	? TCP_BYTES :
	       protocol == IPPROTO_SCTP ? SCTP_BYTES :
					  OTHER_BYTES;
}

static __always_inline struct fragment_key fragment_key(const struct packet *packet)
{
	__u32 mixed = bpf_ntohl(packet->fragment_id) * 2654435761u; /* Knuth, 6.4 */

	return (struct fragment_key){
		.owner = packet->owner,
		.place = mixed >> (32 - FRAGMENT_PLACES_LOG2),
	};
}

static __always_inline bool is_of_datagram(const struct packet *packet, const struct datagram *one)
{
	const struct tuple *tuple = &packet->tuple;

	return one->identification == packet->fragment_id && one->family == tuple->family &&
	       one->protocol == packet->fragment_protocol &&
	       address_equal(&one->source, &tuple->source) &&
	       address_equal(&one->destination, &tuple->destination);
}

/*
 * Leaves the ports of a first fragment for those that follow; once its source is known to be true. What an
 * earlier one had under judgement stays so: whoever puts the datagram together may take either.
 */
static __noinline int remember_fragment(const struct packet *packet)
{
	const struct tuple *tuple = &packet->tuple;
	struct fragment_key key = fragment_key(packet);
	struct fragment_start start = {
		.datagram = {
			.source = tuple->source,
			.destination = tuple->destination,
			.identification = packet->fragment_id,
			.family = tuple->family,
			.protocol = packet->fragment_protocol,
		},
		.source_port = tuple->source_port,
		.destination_port = tuple->destination_port,
		.seen = bpf_ktime_get_boot_ns(),
		.judged = packet->l4_offset - packet->fragment_base +
			  transport_bytes(tuple->protocol),
		.protocol = tuple->protocol,
		.icmp_type = tuple->icmp_type,
		.icmp_code = tuple->icmp_code,
	};
	const struct fragment_start *earlier = bpf_map_lookup_elem(&fragments, &key);

	if (earlier && is_of_datagram(packet, &earlier->datagram) && earlier->judged > start.judged)
		start.judged = earlier->judged;
	if (bpf_map_update_elem(&fragments, &key, &start, BPF_ANY))
		return DROP(DROP_FRAGMENT_FIRST_MISSING); /* unreachable: the table makes room */
	return STEP_NEXT;
}

/*
 * Gives a later fragment what its datagram's first one said. One that begins inside the
 * headers that were judged would be laid over them (RFC 1858, RFC 3128, RFC 5722).
 */
static __noinline int recall_fragment(struct packet *packet)
{
	struct fragment_key key = fragment_key(packet);
	const struct fragment_start *start = bpf_map_lookup_elem(&fragments, &key);

	if (!start || !is_of_datagram(packet, &start->datagram))
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
