/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Another address and port for one end of a packet, with all checksums. The helpers know of packets whose checksum
 * the device makes, or has made: an IPv4 header's checksum makes up for its addresses, so only
 * IPv6 addresses change the sum of a whole packet.
 */
#pragma once

#include "common.h"
#include "parse.h"
#include "related.h"

#undef SOURCE_FILE
#define SOURCE_FILE FILE_REWRITE

enum {
	IPV4_CHECKSUM = 10, /* bytes from the header; so are all of these */
	IPV4_SOURCE = 12,
	IPV4_DESTINATION = 16,
	IPV6_SOURCE = 8,
	IPV6_DESTINATION = 24,
	TCP_CHECKSUM = 16,
	UDP_CHECKSUM = 6,
	ICMP_CHECKSUM = 2,
	ICMP_IDENTIFIER = 4,
};

static __always_inline __u32 address_offset(__u8 family, bool source)
{
	if (family == FAMILY_IPV4)
		return source ? IPV4_SOURCE : IPV4_DESTINATION;
	return source ? IPV6_SOURCE : IPV6_DESTINATION;
}

/* Of ports, or of an echo's identifier. */
static __always_inline __u32 port_offset(const struct tuple *tuple, bool source)
{
	if (tuple->protocol == IPPROTO_ICMP || tuple->protocol == IPPROTO_ICMPV6)
		return ICMP_IDENTIFIER;
	return source ? 0 : 2;
}

/* 0: none that NAT must mend. SCTP's is of its own bytes only, and its ports stay. */
static __always_inline __u32 checksum_offset(__u8 protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
		return TCP_CHECKSUM;
	case IPPROTO_UDP:
		return UDP_CHECKSUM;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return ICMP_CHECKSUM;
	default:
		return 0;
	}
}

/* Does the checksum cover the addresses? */
static __always_inline bool has_pseudo_header(__u8 protocol)
{
	return protocol != IPPROTO_ICMP;
}

/* The change of a sum when the addresses change. */
static __always_inline __s64 address_difference(struct rewrite *rewrite, __u8 family)
{
	if (family == FAMILY_IPV4)
		return bpf_csum_diff(&rewrite->from.v4, 4, &rewrite->to.v4, 4, 0);
	return bpf_csum_diff(rewrite->from.words, 16, rewrite->to.words, 16, 0);
}

/* Not 0: it could not be written. */
static __always_inline long rewrite_address(struct __sk_buff *skb, struct rewrite *rewrite,
					    __u8 family, __s64 difference)
{
	__u32 at = ETH_HLEN + address_offset(family, rewrite->source);

	if (family == FAMILY_IPV6)
		return bpf_skb_store_bytes(skb, at, &rewrite->to, 16,
					   BPF_F_RECOMPUTE_CSUM | BPF_F_INVALIDATE_HASH);
	return bpf_skb_store_bytes(skb, at, &rewrite->to, 4, BPF_F_INVALIDATE_HASH) |
	       bpf_l3_csum_replace(skb, ETH_HLEN + IPV4_CHECKSUM, 0, difference, 0);
}

/* Ports, and the checksum over them and the addresses. Not 0: it could not be written. */
static __always_inline long rewrite_transport(struct __sk_buff *skb, const struct packet *packet,
					      struct rewrite *rewrite, __s64 difference)
{
	__u8 protocol = packet->tuple.protocol;
	__u64 flags = protocol == IPPROTO_UDP ? BPF_F_MARK_MANGLED_0 : 0;
	__u32 checksum = checksum_offset(protocol);
	long error = 0;

	if (!checksum)
		return 0;
	checksum += packet->l4_offset;
	if (has_pseudo_header(protocol))
		error = bpf_l4_csum_replace(skb, checksum, 0, difference, flags | BPF_F_PSEUDO_HDR);
	if (rewrite->from_port == rewrite->to_port)
		return error;
	error |=
		bpf_l4_csum_replace(skb, checksum, rewrite->from_port, rewrite->to_port, flags | 2);
	error |= bpf_skb_store_bytes(
		skb, packet->l4_offset + port_offset(&packet->tuple, rewrite->source),
		&rewrite->to_port, 2, BPF_F_INVALIDATE_HASH);
	return error;
}

/* Puts work->rewrite into the packet that work->packet describes. */
__noinline int rewrite_packet(struct __sk_buff *skb)
{
	struct work *work = work_area(skb);
	const struct packet *packet;
	__s64 difference;
	long error;

	if (!work)
		return DROP(DROP_WRITE_ERROR); /* unreachable: it is always there */
	packet = &work->packet;
	difference = address_difference(&work->rewrite, packet->tuple.family);
	error = rewrite_address(skb, &work->rewrite, packet->tuple.family, difference);
	/* Behind the header of a later fragment stands payload. */
	if (packet->fragment != FRAGMENT_LATER)
		error |= rewrite_transport(skb, packet, &work->rewrite, difference);
	if (error)
		return DROP(DROP_WRITE_ERROR); /* unreachable: but without memory */
	return STEP_NEXT;
}

/* A 16-bit word, as the first bytes of one that bpf_csum_diff takes. */
struct half_word {
	__be16 value;
	__u16 zero;
};

/* The change of a sum when one 16-bit word changes. */
static __always_inline __s64 half_word_difference(__be16 from, __be16 to, __s64 before)
{
	struct half_word old = { .value = from }, new = { .value = to };

	return bpf_csum_diff((__be32 *)&old, 4, (__be32 *)&new, 4, before);
}

/*
 * Mends a checksum inside the quoted packet by the change of what it covers, unless the quote ends before it.
 * Returns by how much `change`, that of the error's own checksum, is more then.
 */
static __noinline __s64 mend_quoted_checksum(struct __sk_buff *skb, const struct packet *quoted,
					     __u32 at, __s64 covered, __s64 change)
{
	bool is_udp =
		quoted->tuple.protocol == IPPROTO_UDP && at == quoted->l4_offset + UDP_CHECKSUM;
	__be16 old, new;

	if (!load(skb, quoted, at, &old, sizeof(old)) || (is_udp && !old))
		return change;
	new = fold_checksum((__u64)(__u16)~old + (__u32)covered);
	if (is_udp && !new)
		new = 0xffff;
	/* Without memory for it the error's own checksum is wrong then, and the receiver drops it. */
	bpf_skb_store_bytes(skb, at, &new, sizeof(new), 0);
	return half_word_difference(old, new, change);
}

/* Puts work->rewrite into what the ICMP error quotes: work->quoted. */
__noinline int rewrite_quoted(struct __sk_buff *skb)
{
	struct work *work = work_area(skb);
	const struct packet *quoted;
	struct rewrite *rewrite;
	__u32 base, checksum;
	__s64 covered, change;
	__u8 family;
	long error;

	if (!work)
		return DROP(DROP_WRITE_ERROR); /* unreachable: it is always there */
	quoted = &work->quoted;
	rewrite = &work->rewrite;
	family = quoted->tuple.family;
	base = work->packet.l4_offset + ICMP_ERROR_BYTES;
	covered = address_difference(rewrite, family);
	change = covered;
	error = bpf_skb_store_bytes(skb, base + address_offset(family, rewrite->source),
				    &rewrite->to, family == FAMILY_IPV4 ? 4 : 16, 0);
	if (family == FAMILY_IPV4)
		change = mend_quoted_checksum(skb, quoted, base + IPV4_CHECKSUM, covered, change);
	if (!has_pseudo_header(quoted->tuple.protocol))
		covered = 0;
	checksum = checksum_offset(quoted->tuple.protocol);
	if (checksum && rewrite->from_port != rewrite->to_port) {
		covered = half_word_difference(rewrite->from_port, rewrite->to_port, covered);
		change = half_word_difference(rewrite->from_port, rewrite->to_port, change);
		error |= bpf_skb_store_bytes(
			skb, quoted->l4_offset + port_offset(&quoted->tuple, rewrite->source),
			&rewrite->to_port, 2, 0);
	}
	if (checksum)
		change = mend_quoted_checksum(skb, quoted, quoted->l4_offset + checksum, covered,
					      change);
	error |= bpf_l4_csum_replace(skb, work->packet.l4_offset + ICMP_CHECKSUM, 0, change, 0);
	if (error)
		return DROP(DROP_WRITE_ERROR); /* unreachable: but without memory */
	return STEP_NEXT;
}
