/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Addresses that nothing is taken from, whatever policy says: a look-up before all others, by XDP or, where a
 * device does not take it, at the beginning of tc. Behind a VLAN tag, too: XDP finds it in the frame, and a tag of VLAN 0
 * is none to the kernel. What has more of them is for tc to drop: see is_tagged_twice.
 */
#pragma once

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#include "common.h"
#include "shared/ipcache.h"

#undef SOURCE_FILE
#define SOURCE_FILE FILE_PREFILTER

/* ICMPv6 types, from router solicitation to redirect. */
enum { ND_FIRST = 133, ND_LAST = 137 };

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 262144);
	__type(key, struct ipcache_key);
	__type(value, __u32); /* always 1 */
} prefilter SEC(".maps");

/* IEEE 802.1Q, as it follows the type that tells of it. */
struct vlan_tag {
	__be16 control;
	__be16 type; /* of what is behind it */
};

/* Neighbour discovery (RFC 4861) works below policy, as ARP does: without it the link would forget who we are. */
static __always_inline bool is_neighbour_message(const struct ipv6hdr *ip, const void *end)
{
	const __u8 *type = (void *)(ip + 1);

	return ip->nexthdr == IPPROTO_ICMPV6 && (void *)(type + 1) <= end && *type >= ND_FIRST &&
	       *type <= ND_LAST;
}

/* STEP_NEXT, or the drop of a packet from a listed address. What is too short to have one is for others to drop. */
static __always_inline int check_prefilter(const void *data, const void *end)
{
	struct ipcache_key key = { .prefixlen = IPCACHE_FIXED_BITS + 32, .family = FAMILY_IPV4 };
	const struct ethhdr *eth = data;
	const void *header = eth + 1;
	__be16 type;

	if (header > end)
		return STEP_NEXT;
	type = eth->h_proto;
	if (type == bpf_htons(ETH_P_8021Q) || type == bpf_htons(ETH_P_8021AD)) {
		const struct vlan_tag *tag = header;

		header = tag + 1;
		if (header > end)
			return STEP_NEXT;
		type = tag->type;
	}
	if (type == bpf_htons(ETH_P_IP)) {
		const struct iphdr *ip = header;

		if ((void *)(ip + 1) > end)
			return STEP_NEXT;
		key.address.v4 = ip->saddr;
	} else if (type == bpf_htons(ETH_P_IPV6)) {
		const struct ipv6hdr *ip = header;

		if ((void *)(ip + 1) > end || is_neighbour_message(ip, end))
			return STEP_NEXT;
		key.prefixlen = IPCACHE_FIXED_BITS + 128;
		key.family = FAMILY_IPV6;
		__builtin_memcpy(key.address.words, &ip->saddr, sizeof(key.address));
	} else {
		return STEP_NEXT;
	}
	return bpf_map_lookup_elem(&prefilter, &key) ? DROP(DROP_PREFILTER) : STEP_NEXT;
}
