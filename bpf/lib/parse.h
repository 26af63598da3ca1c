/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* From bytes to a tuple. Each parser returns STEP_NEXT or a drop. */
#pragma once

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#include "common.h"

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
	ICMP_ECHO = 8,
	ICMP_TIME_EXCEEDED = 11,
	ICMP_PARAMETERPROB = 12,
	ICMPV6_ECHO_REQUEST = 128, /* below: errors */
	ICMPV6_ECHO_REPLY = 129,
};

enum {
	IPV4_FRAGMENT = 0x3fff, /* more fragments, or an offset */
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

static __always_inline bool icmp4_is_error(__u8 type)
{
	return type == ICMP_DEST_UNREACH || type == ICMP_TIME_EXCEEDED ||
	       type == ICMP_PARAMETERPROB || type == ICMP_SOURCE_QUENCH;
}

/*
 * Reads ports (or ICMP type, code and identifier) at `offset`. An ICMP echo has its
 * identifier as both ports, so that request and reply are one connection.
 */
static __always_inline int parse_l4(struct __sk_buff *skb, struct packet *packet, __u32 offset)
{
	struct tuple *tuple = &packet->tuple;

	packet->l4_offset = offset;
	packet->tcp_flags = 0;
	packet->is_icmp_error = false;
	tuple->source_port = 0;
	tuple->destination_port = 0;
	tuple->icmp_type = 0;
	tuple->icmp_code = 0;

	switch (tuple->protocol) {
	case IPPROTO_TCP: {
		struct tcp_start tcp;

		if (bpf_skb_load_bytes(skb, offset, &tcp, sizeof(tcp)))
			return DROP(DROP_INVALID_PACKET);
		tuple->source_port = tcp.ports.source;
		tuple->destination_port = tcp.ports.destination;
		packet->tcp_flags = tcp.flags;
		return STEP_NEXT;
	}
	case IPPROTO_UDP:
	case IPPROTO_SCTP: {
		struct ports ports;

		if (bpf_skb_load_bytes(skb, offset, &ports, sizeof(ports)))
			return DROP(DROP_INVALID_PACKET);
		tuple->source_port = ports.source;
		tuple->destination_port = ports.destination;
		return STEP_NEXT;
	}
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6: {
		struct icmp_start icmp;
		bool echo;

		if ((tuple->protocol == IPPROTO_ICMP) != (tuple->family == FAMILY_IPV4))
			return DROP(DROP_UNKNOWN_L4);
		if (bpf_skb_load_bytes(skb, offset, &icmp, sizeof(icmp)))
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

/* Fills addresses and protocol from an IPv4 header at `offset`; the header's size goes to *size. */
static __always_inline int read_ipv4(const struct iphdr *ip, struct tuple *tuple, __u32 *size)
{
	if (ip->version != 4 || ip->ihl < 5)
		return DROP(DROP_INVALID_PACKET);
	if (ip->frag_off & bpf_htons(IPV4_FRAGMENT))
		return DROP(DROP_FRAGMENT_UNSUPPORTED);
	tuple->family = FAMILY_IPV4;
	tuple->protocol = ip->protocol;
	tuple->source.halves[0] = 0;
	tuple->source.halves[1] = 0;
	tuple->destination.halves[0] = 0;
	tuple->destination.halves[1] = 0;
	tuple->source.v4 = ip->saddr;
	tuple->destination.v4 = ip->daddr;
	*size = ip->ihl * 4;
	return STEP_NEXT;
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
		return DROP(DROP_INVALID_PACKET);
	step = read_ipv4(ip, &packet->tuple, &size);
	if (step)
		return step;
	return parse_l4(skb, packet, ETH_HLEN + size);
}

/*
 * Walks the extension headers (RFC 8200 section 4) from `next` at *offset to the
 * transport header; at most MAX_EXTENSION_HEADERS of them.
 */
static __always_inline int skip_extensions(struct __sk_buff *skb, __u8 next, __u32 *offset,
					   __u8 *protocol)
{
	__u32 at = *offset;

	for (int i = 0; i < MAX_EXTENSION_HEADERS; i++) {
		struct ipv6_opt_hdr header;

		switch (next) {
		case IPPROTO_HOPOPTS:
		case IPPROTO_ROUTING:
		case IPPROTO_DSTOPTS:
			break;
		case IPPROTO_FRAGMENT:
			return DROP(DROP_FRAGMENT_UNSUPPORTED);
		default:
			*offset = at;
			*protocol = next;
			return STEP_NEXT;
		}
		if (bpf_skb_load_bytes(skb, at, &header, sizeof(header)))
			return DROP(DROP_INVALID_PACKET);
		next = header.nexthdr;
		at += (header.hdrlen + 1) * 8;
	}
	return DROP(DROP_IPV6_EXTENSION_HEADER);
}

static __always_inline void read_ipv6_addresses(const struct ipv6hdr *ip, struct tuple *tuple)
{
	tuple->family = FAMILY_IPV6;
	__builtin_memcpy(tuple->source.words, &ip->saddr, sizeof(tuple->source));
	__builtin_memcpy(tuple->destination.words, &ip->daddr, sizeof(tuple->destination));
}

static __always_inline int parse_ipv6(struct __sk_buff *skb, struct packet *packet)
{
	const struct ipv6hdr *ip;
	__u32 offset = ETH_HLEN + sizeof(*ip);
	int step = pull(skb, offset);

	if (step)
		return step;
	ip = (void *)(long)skb->data + ETH_HLEN;
	if ((void *)(ip + 1) > (void *)(long)skb->data_end)
		return DROP(DROP_INVALID_PACKET);
	if (ip->version != 6)
		return DROP(DROP_INVALID_PACKET);
	read_ipv6_addresses(ip, &packet->tuple);
	step = skip_extensions(skb, ip->nexthdr, &offset, &packet->tuple.protocol);
	if (step)
		return step;
	return parse_l4(skb, packet, offset);
}

static __always_inline bool is_multicast(const struct tuple *tuple)
{
	if (tuple->family == FAMILY_IPV6)
		return tuple->destination.bytes[0] == 0xff;
	return tuple->destination.bytes[0] >= 224; /* with class E and the broadcast */
}
