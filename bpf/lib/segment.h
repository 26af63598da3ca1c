/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The link of a chained pod. Its veth is another CNI plugin's: a port of a bridge, with other pods and the gateway on one link,
 * or a pair with the node alone. So neighbours are asked for and answered by the pod, by others and by the stack, and the
 * programs only see to it that nobody says anything of an address that is not its own, and that nothing else travels with it:
 * of what a pod sends only fixed fields are left. Link-local addresses of pods are those of their MAC address (RFC 4291 appendix A).
 */
#pragma once

#include <linux/pkt_cls.h>

#include "common.h"
#include "endpoint.h"
#include "ipcache.h"
#include "neighbour.h"
#include "parse.h"

#undef SOURCE_FILE
#define SOURCE_FILE FILE_SEGMENT

enum {
	MLD_QUERY = 130,
	MLD_REPORT = 131,
	MLD_DONE = 132,
	MLD2_REPORT = 143,
	ND_OPTION_SOURCE_ADDRESS = 1,
	ND_OPTION_NONCE = 14, /* RFC 3971; of duplicate address detection: RFC 7527 */
	ND_HOP_LIMIT = 255,   /* RFC 4861: no router has passed it on */
	MLD_HOP_LIMIT = 1,    /* RFC 2710, RFC 3810 */
	HOP_LIMIT_OFFSET = ETH_HLEN + 7,
	ND_BYTES = 24, /* of a solicitation or an advertisement without options */
};

/* `skb->pkt_type` of a packet that is for the stack that it came to: <linux/if_packet.h> needs the C library's headers. */
enum { PACKET_FOR_HOST = 0 };

static __always_inline bool is_own_link_local(const struct ip_address *address, const __u8 *mac)
{
	const __u8 *b = address->bytes;

	return address->halves[0] == bpf_cpu_to_be64(0xfe80ull << 48) && b[8] == (mac[0] ^ 2) &&
	       b[9] == mac[1] && b[10] == mac[2] && b[11] == 0xff && b[12] == 0xfe &&
	       b[13] == mac[3] && b[14] == mac[4] && b[15] == mac[5];
}

static __always_inline bool is_own_ipv6(const struct ip_address *address,
					const struct interface *interface)
{
	return (!address_is_zero(&interface->ipv6) && address_equal(address, &interface->ipv6)) ||
	       is_own_link_local(address, interface->endpoint.mac);
}

/* A chained pod's packets come to the stack by the bridge that its device is a port of. */
static __always_inline bool came_by_bridge(const struct endpoint *sender, __u32 ifindex)
{
	const struct interface *interface;

	if (!(sender->flags & ENDPOINT_CHAINED) || !ifindex)
		return false;
	interface = interface_by_index(sender->ifindex);
	return interface && interface->bridge == ifindex;
}

/*
 * Has the stack given a packet that it forwards the node's address? None has it from outside: of IPv4 the kernel
 * takes no packet whose source is its own; of IPv6 only the devices and bridges of pods are believed. What a bridge
 * passes on has not been to the stack.
 */
static __always_inline bool is_translated(const struct __sk_buff *skb, __u8 family)
{
	return skb->pkt_type == PACKET_FOR_HOST &&
	       (family == FAMILY_IPV4 || interface_by_index(skb->ingress_ifindex));
}

/* Whether a packet's sender is who an address says. */
enum authenticity {
	SENDER_FALSE = 0,
	SENDER_TRUE = 1,
	SENDER_NODE = 2, /* it says the node, and came by a device */
};

/* A pod's address is believed of packets from its veth only. */
static __always_inline enum authenticity authenticity(const struct __sk_buff *skb,
						      const struct ip_address *address, __u8 family)
{
	const struct endpoint *sender = endpoint_by_address(address, family);
	__u32 came_by = skb->ingress_ifindex;

	if (sender && !(sender->flags & ENDPOINT_HOST))
		return sender->ifindex == came_by || came_by_bridge(sender, came_by) ? SENDER_TRUE :
										       SENDER_FALSE;
	if (came_by && (sender || ipcache_lookup(address, family).identity == IDENTITY_HOST))
		return SENDER_NODE;
	return SENDER_TRUE;
}

/* The node's own addresses are believed of packets that its stack made or translated. */
static __always_inline int check_source(struct __sk_buff *skb, struct work *work)
{
	const struct tuple *tuple = &work->packet.tuple;

	if (work->from_proxy)
		return STEP_NEXT;
	switch (authenticity(skb, &tuple->source, tuple->family)) {
	case SENDER_TRUE:
		return STEP_NEXT;
	case SENDER_NODE:
		if (is_translated(skb, tuple->family)) {
			work->place |= CONNECTION_FORWARDED;
			return STEP_NEXT;
		}
		break;
	case SENDER_FALSE:
		break;
	}
	return DROP(DROP_INVALID_SOURCE_IP);
}

/* Reads what may be an ARP packet; NULL: it is none. */
static __always_inline struct arp_message *read_arp(struct __sk_buff *skb)
{
	struct arp_message *arp;

	if (pull(skb, ETH_HLEN + sizeof(*arp)))
		return NULL;
	arp = (void *)(long)skb->data + ETH_HLEN;
	if ((void *)(arp + 1) > (void *)(long)skb->data_end ||
	    arp->hardware != bpf_htons(ARPHRD_ETHER) || arp->protocol != bpf_htons(ETH_P_IP) ||
	    arp->hardware_size != ETH_ALEN || arp->protocol_size != 4 ||
	    (arp->operation != bpf_htons(ARPOP_REQUEST) &&
	     arp->operation != bpf_htons(ARPOP_REPLY)))
		return NULL;
	return arp;
}

/* What a chained pod asks, or says of itself; 0.0.0.0 probes for its own address (RFC 5227). */
static __always_inline int pass_arp_of_pod(struct __sk_buff *skb, const struct interface *interface)
{
	struct arp_message *arp = read_arp(skb);
	bool is_request;
	__be32 sender, target;

	if (!arp)
		return DROP(DROP_INVALID_PACKET);
	if (!mac_equal(arp->sender_mac, interface->endpoint.mac))
		return DROP(DROP_INVALID_SOURCE_MAC);
	__builtin_memcpy(&sender, arp->sender_ip, sizeof(sender));
	__builtin_memcpy(&target, arp->target_ip, sizeof(target));
	is_request = arp->operation == bpf_htons(ARPOP_REQUEST);
	if (address_is_zero(&interface->ipv4) ||
	    (sender != interface->ipv4.v4 &&
	     (sender || !is_request || target != interface->ipv4.v4)))
		return DROP(DROP_INVALID_SOURCE_IP);
	if (is_request)
		__builtin_memset(arp->target_mac, 0, ETH_ALEN); /* nobody reads it */
	if (skb->len > ETH_HLEN + sizeof(*arp) &&
	    bpf_skb_change_tail(skb, ETH_HLEN + sizeof(*arp), 0))
		return DROP(DROP_WRITE_ERROR); /* unreachable: but without memory */
	return STEP_NEXT;
}

/* What others say to a chained pod: what is asked of it, answers, and news of an address (RFC 5227 section 3). */
static __always_inline int pass_arp_to_pod(struct __sk_buff *skb, const struct interface *interface)
{
	struct ip_address claimed = {};
	struct arp_message *arp;
	__be32 target;

	if (!skb->ingress_ifindex)
		return STEP_NEXT;
	arp = read_arp(skb);
	if (!arp)
		return DROP(DROP_INVALID_PACKET);
	__builtin_memcpy(&claimed.v4, arp->sender_ip, sizeof(claimed.v4));
	__builtin_memcpy(&target, arp->target_ip, sizeof(target));
	if (target != interface->ipv4.v4 && target != claimed.v4)
		return TC_ACT_SHOT; /* asked of somebody else */
	return !claimed.v4 || authenticity(skb, &claimed, FAMILY_IPV4) == SENDER_TRUE ?
		       STEP_NEXT :
		       DROP(DROP_INVALID_SOURCE_IP);
}

static __always_inline bool is_mld_report(const struct tuple *tuple)
{
	return tuple->protocol == IPPROTO_ICMPV6 &&
	       (tuple->icmp_type == MLD_REPORT || tuple->icmp_type == MLD_DONE ||
		tuple->icmp_type == MLD2_REPORT);
}

static __always_inline bool is_of_link(const struct ip_address *group)
{
	return group->bytes[0] == 0xff && group->bytes[1] == 0x02;
}

/* RFC 4291 section 2.7.1: the group of whoever has an address that ends as `target` does. */
static __always_inline bool is_solicited_node(const struct ip_address *group,
					      const struct ip_address *target)
{
	return group->words[0] == bpf_htonl(0xff020000) && !group->words[1] &&
	       group->words[2] == bpf_htonl(1) && group->bytes[12] == 0xff &&
	       group->bytes[13] == target->bytes[13] && group->bytes[14] == target->bytes[14] &&
	       group->bytes[15] == target->bytes[15];
}

/* A bridge with a querier passes a group's packets on to those who have said that they want them. */
static __always_inline bool is_own_mld_report(struct __sk_buff *skb, const struct work *work)
{
	const struct tuple *tuple = &work->packet.tuple;
	__u8 hop_limit;

	return is_mld_report(tuple) && is_of_link(&tuple->destination) &&
	       (is_link_local(&tuple->source) || address_is_zero(&tuple->source)) &&
	       !bpf_skb_load_bytes(skb, HOP_LIMIT_OFFSET, &hop_limit, 1) &&
	       hop_limit == MLD_HOP_LIMIT;
}

static __always_inline bool is_nd(const struct tuple *tuple)
{
	return tuple->protocol == IPPROTO_ICMPV6 && tuple->icmp_type >= ND_ROUTER_SOLICITATION &&
	       tuple->icmp_type <= ND_REDIRECT;
}

/* Reads a solicitation or an advertisement behind a plain header, without option where `size` is ND_BYTES. */
static __always_inline int read_nd(struct __sk_buff *skb, struct work *work, struct nd_message *nd,
				   __u32 *size)
{
	const struct packet *packet = &work->packet;
	const __u32 at = ETH_HLEN + sizeof(struct ipv6hdr);
	__u8 hop_limit, type = packet->tuple.icmp_type;

	/* RFC 6980: never fragmented. Of all else only routers speak. */
	work->quiet = type == ND_ROUTER_SOLICITATION;
	if (packet->fragment != FRAGMENT_NONE || packet->l4_offset != at ||
	    (type != ND_NEIGHBOUR_SOLICITATION && type != ND_NEIGHBOUR_ADVERTISEMENT) ||
	    bpf_skb_load_bytes(skb, HOP_LIMIT_OFFSET, &hop_limit, 1) || hop_limit != ND_HOP_LIMIT)
		return DROP(DROP_FORBIDDEN_ICMPV6);
	*size = packet->end - at;
	if (*size >= sizeof(*nd)) {
		if (bpf_skb_load_bytes(skb, at, nd, sizeof(*nd)))
			return DROP(DROP_INVALID_PACKET); /* unreachable: it was parsed */
	} else if (*size < ND_BYTES || bpf_skb_load_bytes(skb, at, nd, ND_BYTES)) {
		return DROP(DROP_INVALID_PACKET);
	}
	return STEP_NEXT;
}

/* Is the one option that there may be what the message should have there? */
static __always_inline bool is_nd_option(const struct nd_message *nd, __u32 size, __u8 type,
					 const __u8 *mac)
{
	if (size == ND_BYTES)
		return true;
	return size == sizeof(*nd) && nd->option_type == type && nd->option_size == 1 &&
	       (!mac || mac_equal(nd->option_mac, mac));
}

/* Neighbour discovery of a chained pod. */
static __always_inline int pass_nd_of_pod(struct __sk_buff *skb, struct work *work,
					  const struct interface *interface)
{
	const struct tuple *tuple = &work->packet.tuple;
	const __u8 *mac = interface->endpoint.mac;
	struct nd_message nd = {};
	struct ip_address target;
	__u32 size;
	int step = read_nd(skb, work, &nd, &size);

	if (step)
		return step;
	target = nd.target;
	if (tuple->icmp_type == ND_NEIGHBOUR_ADVERTISEMENT) {
		if (!is_own_ipv6(&tuple->source, interface) || !is_own_ipv6(&target, interface))
			return DROP(DROP_INVALID_SOURCE_IP);
		if (!is_nd_option(&nd, size, ND_OPTION_TARGET_ADDRESS, mac))
			return DROP(DROP_INVALID_SOURCE_MAC);
	} else {
		bool probes = address_is_zero(&tuple->source);

		if (!is_own_ipv6(probes ? &target : &tuple->source, interface))
			return DROP(DROP_INVALID_SOURCE_IP);
		if (!is_nd_option(&nd, size, probes ? ND_OPTION_NONCE : ND_OPTION_SOURCE_ADDRESS,
				  probes ? NULL : mac))
			return DROP(DROP_INVALID_SOURCE_MAC);
		if (!is_solicited_node(&tuple->destination, &target) &&
		    (probes || !address_equal(&tuple->destination, &target)))
			return DROP(DROP_FORBIDDEN_ICMPV6);
	}
	if (skb->len > work->packet.end && bpf_skb_change_tail(skb, work->packet.end, 0))
		return DROP(DROP_WRITE_ERROR); /* unreachable: but without memory */
	return STEP_NEXT;
}

/* What others on the link say to a chained pod; the node's own has passed already. */
static __always_inline int pass_nd_to_pod(struct __sk_buff *skb, struct work *work,
					  const struct interface *interface)
{
	const struct tuple *tuple = &work->packet.tuple;
	const struct ip_address *claimed = &tuple->source;
	struct nd_message nd = {};
	struct ip_address target;
	__u32 size;
	int step = read_nd(skb, work, &nd, &size);

	if (step)
		return step;
	target = nd.target;
	if (tuple->icmp_type == ND_NEIGHBOUR_ADVERTISEMENT)
		claimed = &target;
	else if (!is_own_ipv6(&target, interface))
		return TC_ACT_SHOT; /* asked of somebody else */
	return is_link_local(claimed) || address_is_zero(claimed) ||
			       authenticity(skb, claimed, FAMILY_IPV6) == SENDER_TRUE ?
		       STEP_NEXT :
		       DROP(DROP_INVALID_SOURCE_IP);
}

/* A bridge asks who wants which group. */
static __always_inline bool is_mld_query(const struct tuple *tuple)
{
	return tuple->protocol == IPPROTO_ICMPV6 && tuple->icmp_type == MLD_QUERY &&
	       is_of_link(&tuple->destination) && is_link_local(&tuple->source);
}

/* A bridge sends frames to all ports when it does not know whose they are. */
static __always_inline bool is_for_another(const struct __sk_buff *skb, const __u8 *mac)
{
	const struct ethhdr *eth = (void *)(long)skb->data;

	return (void *)(eth + 1) <= (void *)(long)skb->data_end && !(eth->h_dest[0] & 1) &&
	       !mac_equal(eth->h_dest, mac);
}
