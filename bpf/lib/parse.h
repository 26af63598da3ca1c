/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* From bytes to a tuple. Each parser returns STEP_NEXT or a drop. */
#pragma once

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#include "common.h"
#include "fragment.h"

#undef SOURCE_FILE
#define SOURCE_FILE FILE_PARSE

/*
 * RFC 792 and RFC 4443. Not <linux/icmp.h>, which needs the C library's headers, and
 * the toolchain has none of those.
 */
enum icmp_number {
	ICMP_ECHOREPLY = 0,
	ICMP_DEST_UNREACH = 3,
	ICMP_SOURCE_QUENCH = 4,
	ICMP_REDIRECT = 5,
	ICMP_ECHO = 8,
	ICMP_ROUTER_ADVERTISEMENT = 9, /* RFC 1256 */
	ICMP_TIME_EXCEEDED = 11,
	ICMP_PARAMETERPROB = 12,
	ICMPV6_ECHO_REQUEST = 128, /* below: errors */
	ICMPV6_ECHO_REPLY = 129,
};

enum {
	/* Of the IPv4 header's flags and offset, and of the IPv6 fragment header's. */
	IPV4_DONT_FRAGMENT = 0x4000,
	IPV4_MORE_FRAGMENTS = 0x2000,
	IPV4_OFFSET = 0x1fff, /* in units of 8 bytes */
	IPV6_MORE_FRAGMENTS = 0x0001,
	IPV6_OFFSET = 0xfff8, /* in bytes */

	IPV4_HEADER_WORDS = 5, /* without options */
	MAX_IPV4_OPTIONS = 10,
	IPV4_OPTION_END = 0,
	IPV4_OPTION_NOP = 1,
	IPV4_OPTION_LOOSE_ROUTE = 131, /* RFC 791 */
	IPV4_OPTION_STRICT_ROUTE = 137,

	MAX_EXTENSION_HEADERS = 6,
	TCP_FIN = 0x01,
	TCP_SYN = 0x02,
	TCP_RST = 0x04,
	TCP_ACK = 0x10,
};

/* The first bytes of a transport header, as far as policy looks at them. */
struct ports {
	__be16 source;
	__be16 destination;
};

struct tcp_start {
	struct ports ports;
	__be32 sequence[2];
	__u8 offset;
	__u8 flags;
};

struct icmp_start {
	__u8 type;
	__u8 code;
	__be16 checksum;
	__be16 identifier;
};

/*
 * The first 8 bytes of an extension header; none is shorter (RFC 8200 section 4). Of a routing header
 * `kind` is its type and `left` its segments left; of a fragment header the two are the
 * offset with the flag, and `word` is the identification.
 */
struct extension {
	__u8 next;
	__u8 length;
	union {
		struct {
			__u8 kind;
			__u8 left;
		};
		__be16 offset;
	};
	__be32 word;
};

/*
 * Makes sure that the first `size` bytes can be read and written directly.
 * Packet pointers must be read anew afterwards.
 */
static __always_inline int pull(struct __sk_buff *skb, __u32 size)
{
	if ((void *)(long)skb->data + size <= (void *)(long)skb->data_end)
		return STEP_NEXT;
	if (bpf_skb_pull_data(skb, size))
		return DROP(DROP_INVALID_PACKET);
	return STEP_NEXT;
}

/*
 * Where the datagram ends, by its header. Nothing behind that is read: the receiver cuts it off, and
 * would find other headers than were judged. An aggregate of the kernel's own that is too long for
 * the header's field has 0 there.
 */
static __always_inline int set_datagram_end(struct __sk_buff *skb, struct packet *packet,
					    __u32 headers, __be16 length)
{
	packet->end = ETH_HLEN + headers + bpf_ntohs(length);
	if (!length && skb->gso_size)
		packet->end = skb->len;
	return packet->end > skb->len ? DROP(DROP_INVALID_PACKET) : STEP_NEXT;
}

/* Reads bytes of the datagram; false where it ends before them. */
static __always_inline bool load(struct __sk_buff *skb, const struct packet *packet, __u32 offset,
				 void *to, __u32 size)
{
	return offset + size <= packet->end && !bpf_skb_load_bytes(skb, offset, to, size);
}

static __always_inline bool icmp4_is_error(__u8 type)
{
	return type == ICMP_DEST_UNREACH || type == ICMP_TIME_EXCEEDED ||
	       type == ICMP_PARAMETERPROB || type == ICMP_SOURCE_QUENCH;
}

/*
 * Reads ports (or ICMP type, code and identifier) at packet->l4_offset. An ICMP echo has its
 * identifier as both ports, so that request and reply are one connection.
 */
static __always_inline int read_l4(struct __sk_buff *skb, struct packet *packet)
{
	struct tuple *tuple = &packet->tuple;
	__u32 offset = packet->l4_offset;

	if (offset > packet->end)
		return DROP(DROP_INVALID_PACKET);
	switch (tuple->protocol) {
	case IPPROTO_TCP: {
		struct tcp_start tcp;

		if (offset + TCP_BYTES > packet->end ||
		    !load(skb, packet, offset, &tcp, sizeof(tcp)))
			return DROP(DROP_INVALID_PACKET);
		tuple->source_port = tcp.ports.source;
		tuple->destination_port = tcp.ports.destination;
		packet->tcp_flags = tcp.flags;
		return STEP_NEXT;
	}
	case IPPROTO_UDP:
	case IPPROTO_SCTP: {
		struct ports ports;

		if (offset + transport_bytes(tuple->protocol) > packet->end ||
		    !load(skb, packet, offset, &ports, sizeof(ports)))
			return DROP(DROP_INVALID_PACKET);
		tuple->source_port = ports.source;
		tuple->destination_port = ports.destination;
		return STEP_NEXT;
	}
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6: {
		struct icmp_start icmp;
		bool echo;

		if (offset + OTHER_BYTES > packet->end ||
		    !load(skb, packet, offset, &icmp, sizeof(icmp)))
			return DROP(DROP_INVALID_PACKET);
		tuple->icmp_type = icmp.type;
		tuple->icmp_code = icmp.code;
		if (tuple->family == FAMILY_IPV4) {
			echo = icmp.type == ICMP_ECHO || icmp.type == ICMP_ECHOREPLY;
			packet->is_icmp_error = icmp4_is_error(icmp.type);
		} else {
			echo = icmp.type == ICMPV6_ECHO_REQUEST || icmp.type == ICMPV6_ECHO_REPLY;
			packet->is_icmp_error = icmp.type < ICMPV6_ECHO_REQUEST;
		}
		if (echo) {
			tuple->source_port = icmp.identifier;
			tuple->destination_port = icmp.identifier;
		}
		return STEP_NEXT;
	}
	default:
		return STEP_NEXT; /* other protocols: a connection by addresses and number */
	}
}

static __noinline int parse_l4(struct __sk_buff *skb, struct packet *packet)
{
	struct tuple *tuple = &packet->tuple;

	packet->tcp_flags = 0;
	packet->is_icmp_error = false;
	tuple->source_port = 0;
	tuple->destination_port = 0;
	tuple->icmp_type = 0;
	tuple->icmp_code = 0;

	if ((tuple->protocol == IPPROTO_ICMP && tuple->family != FAMILY_IPV4) ||
	    (tuple->protocol == IPPROTO_ICMPV6 && tuple->family != FAMILY_IPV6))
		return DROP(DROP_UNKNOWN_L4);
	if (packet->fragment == FRAGMENT_LATER)
		return recall_fragment(packet);
	return read_l4(skb, packet);
}

/* Fills addresses, protocol and fragment from an IPv4 header; its size goes to *size. */
static __always_inline int read_ipv4(const struct iphdr *ip, struct packet *packet, __u32 *size)
{
	struct tuple *tuple = &packet->tuple;
	__u16 fragment = bpf_ntohs(ip->frag_off);

	if (ip->version != 4 || ip->ihl < IPV4_HEADER_WORDS)
		return DROP(DROP_INVALID_PACKET);
	tuple->family = FAMILY_IPV4;
	tuple->protocol = ip->protocol;
	tuple->source.halves[0] = 0;
	tuple->source.halves[1] = 0;
	tuple->destination.halves[0] = 0;
	tuple->destination.halves[1] = 0;
	tuple->source.v4 = ip->saddr;
	tuple->destination.v4 = ip->daddr;
	packet->fragment_base = ETH_HLEN + ip->ihl * 4;
	packet->fragment_protocol = ip->protocol;
	packet->fragment_id = ip->id;
	packet->fragment_offset = (fragment & IPV4_OFFSET) * 8;
	packet->fragment = fragment & IPV4_OFFSET	  ? FRAGMENT_LATER :
			   fragment & IPV4_MORE_FRAGMENTS ? FRAGMENT_FIRST :
							    FRAGMENT_NONE;
	*size = ip->ihl * 4;
	return STEP_NEXT;
}

/*
 * Walks the options of an IPv4 header (RFC 791 section 3.1) up to `end`, in bytes from the Ethernet header;
 * at most MAX_IPV4_OPTIONS of them. A sender that says by which way its packet shall go would
 * have policy judge one destination and reach another. The cursor is packet->l4_offset: see
 * skip_extensions.
 */
static __noinline int check_ipv4_options(struct __sk_buff *skb, struct packet *packet, __u32 end)
{
	packet->l4_offset = ETH_HLEN + sizeof(struct iphdr);
	for (int i = 0; i < MAX_IPV4_OPTIONS; i++) {
		__u32 at = packet->l4_offset;
		__u8 option[2]; /* type, length */

		if (at >= end)
			return STEP_NEXT;
		/* Behind every option stand bytes: at least the transport header's. */
		if (bpf_skb_load_bytes(skb, at, option, sizeof(option)))
			return DROP(DROP_INVALID_PACKET);
		if (option[0] == IPV4_OPTION_END)
			return STEP_NEXT;
		if (option[0] == IPV4_OPTION_LOOSE_ROUTE || option[0] == IPV4_OPTION_STRICT_ROUTE)
			return DROP(DROP_SOURCE_ROUTE);
		if (option[0] != IPV4_OPTION_NOP && option[1] < 2)
			return DROP(DROP_INVALID_PACKET);
		packet->l4_offset = at + (option[0] == IPV4_OPTION_NOP ? 1 : option[1]);
	}
	return packet->l4_offset >= end ? STEP_NEXT : DROP(DROP_INVALID_PACKET);
}

static __always_inline int parse_ipv4(struct __sk_buff *skb, struct packet *packet)
{
	const struct iphdr *ip;
	__u32 size = 0;
	int step = pull(skb, ETH_HLEN + sizeof(*ip));

	if (step)
		return step;
	ip = (void *)(long)skb->data + ETH_HLEN;
	if ((void *)(ip + 1) > (void *)(long)skb->data_end)
		return DROP(DROP_INVALID_PACKET); /* unreachable: pulled above */
	step = set_datagram_end(skb, packet, 0, ip->tot_len);
	if (step)
		return step;
	step = read_ipv4(ip, packet, &size);
	if (step)
		return step;
	if (size > sizeof(*ip)) {
		step = check_ipv4_options(skb, packet, ETH_HLEN + size);
		if (step)
			return step;
	}
	packet->l4_offset = ETH_HLEN + size;
	if (packet->l4_offset > packet->end)
		return DROP(DROP_INVALID_PACKET);
	return parse_l4(skb, packet);
}

static __always_inline bool is_extension(__u8 next)
{
	return next == IPPROTO_HOPOPTS || next == IPPROTO_DSTOPTS || next == IPPROTO_ROUTING ||
	       next == IPPROTO_FRAGMENT || next == IPPROTO_AH;
}

/*
 * Walks the extension headers (RFC 8200 section 4) from packet->tuple.protocol at packet->l4_offset to
 * the transport header; at most MAX_EXTENSION_HEADERS of them. Behind the header of a later
 * fragment stands payload: the walk ends there. An authentication header (RFC 4302) is one of them.
 *
 * Where it is stands in the packet, which is in a map, and not in variables: so all
 * iterations look the same to the verifier, and it looks at one.
 */
static __noinline int skip_extensions(struct __sk_buff *skb, struct packet *packet)
{
	packet->fragment = FRAGMENT_NONE;
	for (int i = 0; i < MAX_EXTENSION_HEADERS; i++) {
		__u8 kind = packet->tuple.protocol;
		__u32 at = packet->l4_offset;
		struct extension header;

		if (!is_extension(kind))
			return STEP_NEXT;
		if (!load(skb, packet, at, &header, sizeof(header)))
			return DROP(DROP_INVALID_PACKET);
		if (kind == IPPROTO_ROUTING && header.left)
			return DROP(DROP_SOURCE_ROUTE);
		at += kind == IPPROTO_FRAGMENT ? 8 :
		      kind == IPPROTO_AH       ? (header.length + 2) * 4 :
						 (header.length + 1) * 8;
		packet->l4_offset = at;
		packet->tuple.protocol = header.next;
		if (kind == IPPROTO_FRAGMENT) {
			__u16 offset = bpf_ntohs(header.offset);

			if (packet->fragment)
				return DROP(DROP_INVALID_PACKET);
			packet->fragment_base = at;
			packet->fragment_id = header.word;
			packet->fragment_protocol = 0;
			packet->fragment_offset = offset & IPV6_OFFSET;
			/* One with neither offset nor successor is whole (RFC 6946). */
			packet->fragment = offset & IPV6_OFFSET		? FRAGMENT_LATER :
					   offset & IPV6_MORE_FRAGMENTS ? FRAGMENT_FIRST :
									  FRAGMENT_NONE;
			if (packet->fragment == FRAGMENT_LATER)
				return STEP_NEXT;
		}
	}
	return is_extension(packet->tuple.protocol) ? DROP(DROP_IPV6_EXTENSION_HEADER) : STEP_NEXT;
}

static __always_inline void read_ipv6_addresses(const struct ipv6hdr *ip, struct tuple *tuple)
{
	tuple->family = FAMILY_IPV6;
	__builtin_memcpy(tuple->source.words, &ip->saddr, sizeof(tuple->source));
	__builtin_memcpy(tuple->destination.words, &ip->daddr, sizeof(tuple->destination));
}

/* Reads the addresses and no more: false where the packet is too short to have any. */
static __always_inline bool peek_addresses(struct __sk_buff *skb, struct tuple *tuple, __u8 family)
{
	const void *end, *header;

	if (pull(skb, ETH_HLEN + (family == FAMILY_IPV4 ? sizeof(struct iphdr) :
							  sizeof(struct ipv6hdr))))
		return false;
	header = (void *)(long)skb->data + ETH_HLEN;
	end = (void *)(long)skb->data_end;
	if (family == FAMILY_IPV4) {
		const struct iphdr *ip = header;

		if ((void *)(ip + 1) > end)
			return false;
		__builtin_memset(&tuple->source, 0, sizeof(tuple->source));
		__builtin_memset(&tuple->destination, 0, sizeof(tuple->destination));
		tuple->source.v4 = ip->saddr;
		tuple->destination.v4 = ip->daddr;
	} else {
		const struct ipv6hdr *ip = header;

		if ((void *)(ip + 1) > end)
			return false;
		read_ipv6_addresses(ip, tuple);
	}
	return true;
}

static __always_inline int parse_ipv6(struct __sk_buff *skb, struct packet *packet)
{
	const struct ipv6hdr *ip;
	int step = pull(skb, ETH_HLEN + sizeof(*ip));

	if (step)
		return step;
	ip = (void *)(long)skb->data + ETH_HLEN;
	if ((void *)(ip + 1) > (void *)(long)skb->data_end)
		return DROP(DROP_INVALID_PACKET); /* unreachable: pulled above */
	if (ip->version != 6)
		return DROP(DROP_INVALID_PACKET);
	read_ipv6_addresses(ip, &packet->tuple);
	packet->tuple.protocol = ip->nexthdr;
	packet->l4_offset = ETH_HLEN + sizeof(*ip);
	step = set_datagram_end(skb, packet, sizeof(*ip), ip->payload_len);
	if (step)
		return step;
	step = skip_extensions(skb, packet);
	return step ? step : parse_l4(skb, packet);
}

static __always_inline bool is_multicast(const struct tuple *tuple, __u8 family)
{
	if (family == FAMILY_IPV6)
		return tuple->destination.bytes[0] == 0xff;
	return tuple->destination.bytes[0] >= 224; /* with class E and the broadcast */
}
