/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The last step: into the receiver's namespace, past the host's stack. */
#pragma once

#include <linux/pkt_cls.h>

#include "common.h"
#include "parse.h"

#undef SOURCE_FILE
#define SOURCE_FILE FILE_DELIVER

/* RFC 1624: the checksum of a header whose 16-bit word with the TTL fell by 0x0100. */
static __always_inline void decrease_ttl(struct iphdr *ip)
{
	__u32 check = (__u32)ip->check + bpf_htons(0x0100);

	ip->check = (__u16)(check + (check >= 0xffff));
	ip->ttl--;
}

/* One router hop: TTL, MAC addresses, then redirect_peer (since Linux 5.10). */
static __always_inline int deliver(struct __sk_buff *skb, const struct next_hop *hop, __u8 family)
{
	void *end = (void *)(long)skb->data_end;
	struct ethhdr *eth = (void *)(long)skb->data;

	if (family == FAMILY_IPV4) {
		struct iphdr *ip = (void *)(eth + 1);

		if ((void *)(ip + 1) > end)
			return DROP(DROP_INVALID_PACKET); /* unreachable: it was parsed */
		if (ip->ttl <= 1)
			return DROP(DROP_TTL_EXCEEDED);
		decrease_ttl(ip);
	} else {
		struct ipv6hdr *ip = (void *)(eth + 1);

		if ((void *)(ip + 1) > end)
			return DROP(DROP_INVALID_PACKET); /* unreachable: it was parsed */
		if (ip->hop_limit <= 1)
			return DROP(DROP_TTL_EXCEEDED);
		ip->hop_limit--;
	}
	__builtin_memcpy(eth->h_dest, hop->destination_mac, ETH_ALEN);
	__builtin_memcpy(eth->h_source, hop->source_mac, ETH_ALEN);
	skb->mark = 0; /* a mark of the sender means nothing to the receiver */
	return bpf_redirect_peer(hop->ifindex, 0);
}
