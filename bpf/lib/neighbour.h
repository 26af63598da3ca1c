/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * ARP and neighbour discovery: the node's side of a veth answers for every address
 * but the pod's own, so that pods need no bridge and no shared segment.
 */
#pragma once

#include <linux/pkt_cls.h>

#include "common.h"
#include "parse.h"

#undef SOURCE_FILE
#define SOURCE_FILE FILE_NEIGHBOUR

/* RFC 826: <linux/if_arp.h> needs the C library's headers. */
enum arp_number {
	ARPHRD_ETHER = 1,
	ARPOP_REQUEST = 1,
	ARPOP_REPLY = 2,
};

enum {
	ND_ROUTER_SOLICITATION = 133,
	ND_NEIGHBOUR_SOLICITATION = 135,
	ND_NEIGHBOUR_ADVERTISEMENT = 136,
	ND_REDIRECT = 137,
	ND_OPTION_TARGET_ADDRESS = 2,
	ND_FLAGS_ROUTER_SOLICITED_OVERRIDE = 0xe0,
};

/* RFC 826, Ethernet and IPv4. */
struct arp_message {
	__be16 hardware;
	__be16 protocol;
	__u8 hardware_size;
	__u8 protocol_size;
	__be16 operation;
	__u8 sender_mac[ETH_ALEN];
	__u8 sender_ip[4];
	__u8 target_mac[ETH_ALEN];
	__u8 target_ip[4];
};

/* RFC 4861 sections 4.3 and 4.4, with one link-layer address option. */
struct nd_message {
	__u8 type;
	__u8 code;
	__sum16 checksum;
	__u8 flags;
	__u8 reserved[3];
	struct ip_address target;
	__u8 option_type;
	__u8 option_size; /* in units of 8 bytes */
	__u8 option_mac[ETH_ALEN];
} __attribute__((packed, aligned(4)));

static __always_inline bool mac_equal(const __u8 *a, const __u8 *b)
{
	return !((a[0] ^ b[0]) | (a[1] ^ b[1]) | (a[2] ^ b[2]) | (a[3] ^ b[3]) | (a[4] ^ b[4]) |
		 (a[5] ^ b[5]));
}

/*
 * An ARP packet of a pod. A request for another address than its own is answered in
 * place and sent back; a reply (to the node's stack) goes up if it speaks of the
 * pod's own address.
 */
static __always_inline int answer_arp(struct __sk_buff *skb, const struct interface *interface)
{
	struct arp_message *arp;
	struct ethhdr *eth;
	__be32 sender, target;
	int step = pull(skb, ETH_HLEN + sizeof(*arp));

	if (step)
		return step;
	eth = (void *)(long)skb->data;
	arp = (void *)(eth + 1);
	if ((void *)(arp + 1) > (void *)(long)skb->data_end)
		return DROP(DROP_INVALID_PACKET); /* unreachable: pulled above */
	if (arp->hardware != bpf_htons(ARPHRD_ETHER) || arp->protocol != bpf_htons(ETH_P_IP) ||
	    arp->hardware_size != ETH_ALEN || arp->protocol_size != 4)
		return DROP(DROP_INVALID_PACKET);
	if (!mac_equal(arp->sender_mac, interface->endpoint.mac))
		return DROP(DROP_INVALID_SOURCE_MAC);
	__builtin_memcpy(&sender, arp->sender_ip, sizeof(sender));
	__builtin_memcpy(&target, arp->target_ip, sizeof(target));
	/* Sender 0.0.0.0 probes for a duplicate (RFC 5227): no one else has its address. */
	if (sender && (address_is_zero(&interface->ipv4) || sender != interface->ipv4.v4))
		return DROP(DROP_INVALID_SOURCE_IP);
	if (arp->operation == bpf_htons(ARPOP_REPLY))
		return STEP_NEXT;
	if (arp->operation != bpf_htons(ARPOP_REQUEST))
		return DROP(DROP_INVALID_PACKET);
	if (!sender || target == interface->ipv4.v4)
		return TC_ACT_SHOT; /* nobody answers: that is the answer */

	arp->operation = bpf_htons(ARPOP_REPLY);
	__builtin_memcpy(arp->target_mac, interface->endpoint.mac, ETH_ALEN);
	__builtin_memcpy(arp->sender_mac, interface->endpoint.host_mac, ETH_ALEN);
	__builtin_memcpy(arp->sender_ip, &target, sizeof(target));
	__builtin_memcpy(arp->target_ip, &sender, sizeof(sender));
	__builtin_memcpy(eth->h_dest, interface->endpoint.mac, ETH_ALEN);
	__builtin_memcpy(eth->h_source, interface->endpoint.host_mac, ETH_ALEN);
	return bpf_redirect(skb->ifindex, 0);
}

static __always_inline __sum16 fold_checksum(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__sum16)~sum;
}

/* Writes the advertisement for `target` over the solicitation and sends it back. */
static __always_inline int send_advertisement(struct __sk_buff *skb,
					      const struct interface *interface,
					      const struct ip_address *asker,
					      const struct ip_address *target)
{
	struct {
		struct ip_address source;
		struct ip_address destination;
		__be32 length;
		__be32 next_header;
	} pseudo = {
		.source = *target,
		.destination = *asker,
		.length = bpf_htonl(sizeof(struct nd_message)),
		.next_header = bpf_htonl(IPPROTO_ICMPV6),
	};
	const __u32 size = ETH_HLEN + sizeof(struct ipv6hdr) + sizeof(struct nd_message);
	struct nd_message nd = {
		.type = ND_NEIGHBOUR_ADVERTISEMENT,
		.flags = ND_FLAGS_ROUTER_SOLICITED_OVERRIDE,
		.target = *target,
		.option_type = ND_OPTION_TARGET_ADDRESS,
		.option_size = 1,
	};
	struct ipv6hdr *ip;
	struct ethhdr *eth;
	__s64 sum;

	__builtin_memcpy(nd.option_mac, interface->endpoint.host_mac, ETH_ALEN);
	sum = bpf_csum_diff(NULL, 0, (__be32 *)&pseudo, sizeof(pseudo), 0);
	sum = bpf_csum_diff(NULL, 0, (__be32 *)&nd, sizeof(nd), sum);
	nd.checksum = fold_checksum(sum);

	if (bpf_skb_change_tail(skb, size, 0))
		return DROP(DROP_WRITE_ERROR); /* unreachable: but without memory */
	if (bpf_skb_store_bytes(skb, ETH_HLEN + sizeof(struct ipv6hdr), &nd, sizeof(nd),
				BPF_F_INVALIDATE_HASH))
		return DROP(DROP_WRITE_ERROR); /* unreachable: but without memory */
	if (pull(skb, size))
		return DROP(DROP_WRITE_ERROR); /* unreachable: but without memory */
	eth = (void *)(long)skb->data;
	ip = (void *)(eth + 1);
	if ((void *)(ip + 1) > (void *)(long)skb->data_end)
		return DROP(DROP_INVALID_PACKET); /* unreachable: pulled above */
	ip->payload_len = bpf_htons(sizeof(nd));
	ip->nexthdr = IPPROTO_ICMPV6;
	ip->hop_limit = 255;
	__builtin_memcpy(&ip->saddr, target->words, sizeof(ip->saddr));
	__builtin_memcpy(&ip->daddr, asker->words, sizeof(ip->daddr));
	__builtin_memcpy(eth->h_dest, interface->endpoint.mac, ETH_ALEN);
	__builtin_memcpy(eth->h_source, interface->endpoint.host_mac, ETH_ALEN);
	return bpf_redirect(skb->ifindex, 0);
}

static __always_inline bool is_link_local(const struct ip_address *address)
{
	return address->bytes[0] == 0xfe && (address->bytes[1] & 0xc0) == 0x80;
}

/*
 * Neighbour discovery of a pod (RFC 4861). Returns STEP_NEXT with *handled false when
 * the packet is none.
 */
static __always_inline int answer_nd(struct __sk_buff *skb, struct work *work,
				     const struct interface *interface, bool *handled)
{
	const struct tuple *tuple = &work->packet.tuple;
	struct ip_address target;

	*handled = tuple->protocol == IPPROTO_ICMPV6 &&
		   tuple->icmp_type >= ND_ROUTER_SOLICITATION && tuple->icmp_type <= ND_REDIRECT;
	if (!*handled)
		return STEP_NEXT;
	/* RFC 6980: neighbour discovery is never fragmented. */
	if (work->packet.fragment != FRAGMENT_NONE)
		return DROP(DROP_FORBIDDEN_ICMPV6);
	if (tuple->icmp_type != ND_NEIGHBOUR_SOLICITATION) {
		/*
		 * No router but the node: solicitations for one go unanswered, advertisements and
		 * redirects are hostile. The node asks no pod, its entries are permanent; what looks
		 * like an answer would be routed past all policy, whatever it carries.
		 */
		work->quiet = tuple->icmp_type == ND_ROUTER_SOLICITATION;
		return DROP(DROP_FORBIDDEN_ICMPV6);
	}
	if (bpf_skb_load_bytes(skb, work->packet.l4_offset + 8, &target, sizeof(target)))
		return DROP(DROP_INVALID_PACKET);
	if (address_is_zero(&tuple->source)) {
		work->quiet = true; /* duplicate address detection: no one else has it */
		return DROP(DROP_MULTICAST);
	}
	if (!address_equal(&tuple->source, &interface->ipv6) && !is_link_local(&tuple->source))
		return DROP(DROP_INVALID_SOURCE_IP);
	if (address_equal(&target, &interface->ipv6))
		return TC_ACT_SHOT;
	return send_advertisement(skb, interface, &tuple->source, &target);
}
