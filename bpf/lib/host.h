/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The node's own traffic by its devices, judged by policies that select the node. It is an endpoint like
 * a pod then: each of its addresses has a record. While none does, no packet is looked into.
 *
 * Not the node's: what it forwards, and what is on the link only: ARP, neighbour discovery, multicast
 * (router and listener discovery, DHCP's first steps), broadcasts to everybody. These always pass.
 */
#pragma once

#include "common.h"
#include "control.h"
#include "endpoint.h"
#include "neighbour.h"
#include "parse.h"
#include "related.h"
#include "socket.h"
#include "track.h"

#undef SOURCE_FILE
#define SOURCE_FILE FILE_HOST

/*
 * Whether the address is the node's, and some policy selects it. Nearly all packets are nobody's of this
 * node, or a pod's, whose record says so itself; of the node's own only a copy is believed.
 */
static __always_inline bool is_guarded_node(struct work *work, const struct ip_address *address,
					    __u8 family)
{
	const struct endpoint *record = endpoint_by_address(address, family);
	struct endpoint *copy = &work->local[END_SOURCE];

	if (!record)
		return false;
	if (!(record->flags & ENDPOINT_HOST) && address_equal(&record->address, address))
		return false;
	return endpoint_read(copy, address, family) == 1 && copy->flags & ENDPOINT_HOST;
}

/* RFC 4861: a link works only with it, and no router passes it on. */
static __always_inline bool is_neighbour_discovery(const struct tuple *tuple)
{
	return tuple->protocol == IPPROTO_ICMPV6 && tuple->icmp_type >= ND_ROUTER_SOLICITATION &&
	       tuple->icmp_type <= ND_REDIRECT;
}

/* Is there a socket of the node that the packet would reach? One that listens: of any source; else one of just this connection. */
static __noinline bool has_tcp_socket(struct __sk_buff *skb, const struct tuple *received,
				      bool listening)
{
	struct bpf_sock_tuple tuple = {};
	struct bpf_sock *socket;
	__u32 size = socket_tuple(received, &tuple);
	bool found;

	if (listening && received->family == FAMILY_IPV4) {
		tuple.ipv4.saddr = 0;
		tuple.ipv4.sport = 0;
	} else if (listening) {
		__builtin_memset(tuple.ipv6.saddr, 0, sizeof(tuple.ipv6.saddr));
		tuple.ipv6.sport = 0;
	}
	socket = bpf_skc_lookup_tcp(skb, &tuple, size, BPF_F_CURRENT_NETNS, 0);
	if (!socket)
		return false;
	found = (socket->state == BPF_TCP_LISTEN) == listening;
	bpf_sk_release(socket);
	return found;
}

/*
 * A connection may be older than the policy that has the node guarded, or than its entry: then the
 * first packet that is seen of it is any. Which side began is what policy depends on, and what the
 * sockets tell: who listens on his port has been called. A packet that comes in is taken for an answer
 * only where a socket waits for it.
 */
__noinline int find_originator(struct __sk_buff *skb)
{
	struct work *work = work_area(skb);
	const struct packet *packet;
	struct tuple received;
	bool called;

	if (!work)
		return STEP_NEXT;
	packet = &work->packet;
	if (packet->tuple.protocol != IPPROTO_TCP || packet->fragment == FRAGMENT_LATER ||
	    is_first_packet(packet))
		return STEP_NEXT;
	if (work->hook == HOOK_NETDEV_EGRESS)
		reverse(&packet->tuple, &received);
	else
		received = packet->tuple;
	called = has_tcp_socket(skb, &received, true);
	if (work->hook == HOOK_NETDEV_EGRESS)
		work->answers = called;
	else
		work->answers = !called && has_tcp_socket(skb, &received, false);
	return STEP_NEXT;
}

/* Finds the packet's connection, or opens one, from where the node itself stands. */
static __always_inline int track_own(struct __sk_buff *skb, struct work *work, bool from_node)
{
	const struct conntrack_entry *entry;
	int step = STEP_NEXT;

	if (from_node && skb->ingress_ifindex)
		work->place = CONNECTION_FORWARDED;
	if (work->packet.fragment == FRAGMENT_FIRST)
		step = remember_fragment(&work->packet);
	if (step)
		return step;
	if (work->packet.is_icmp_error) {
		step = related(skb);
		if (step)
			return step < 0 ? step : STEP_NEXT;
		/* What a router says of packets that it forwards is a part of that. */
		if (from_node && !endpoint_by_address(&work->quoted.tuple.destination,
						      work->packet.tuple.family))
			return STEP_NEXT;
	}
	entry = conntrack_find(&work->packet.tuple);
	if (!(from_node && skb->ingress_ifindex) && (!entry || work->now > entry->expires))
		find_originator(skb);
	return track(skb, work, from_node);
}

static __always_inline int parse_own(struct __sk_buff *skb, struct work *work, __u8 family)
{
	int step;

	work->packet.owner = ENDPOINT_NUMBER_HOST;
	step = family == FAMILY_IPV4 ? parse_ipv4(skb, &work->packet) :
				       parse_ipv6(skb, &work->packet);
	work->now = bpf_ktime_get_boot_ns();
	read_revision(work);
	return step;
}

/* A packet that came in by a device. */
static __always_inline int to_node(struct __sk_buff *skb, struct work *work, __u8 family)
{
	const struct tuple *tuple = &work->packet.tuple;
	int step;

	if (!peek_addresses(skb, &work->packet.tuple, family))
		return STEP_NEXT;
	work->packet.tuple.family = family;
	if (is_loopback(&tuple->source, family) || is_loopback(&tuple->destination, family))
		return DROP(DROP_UNROUTABLE);
	if (!is_guarded_node(work, &tuple->destination, family))
		return STEP_NEXT;
	step = parse_own(skb, work, family);
	if (step)
		return step;
	if (is_neighbour_discovery(tuple))
		return STEP_NEXT;
	/* Nobody who lives here sends from outside. */
	if (endpoint_by_address(&tuple->source, family))
		return DROP(DROP_INVALID_SOURCE_IP);
	return track_own(skb, work, false);
}

/*
 * A packet that leaves by a device. Of those that the node forwards only such that a NAT has given its
 * address are followed, so that their answers are known.
 */
static __always_inline int from_node(struct __sk_buff *skb, struct work *work, __u8 family)
{
	const struct tuple *tuple = &work->packet.tuple;
	int step;

	if (!peek_addresses(skb, &work->packet.tuple, family))
		return STEP_NEXT;
	work->packet.tuple.family = family;
	if (is_multicast(tuple, family) || !is_guarded_node(work, &tuple->source, family))
		return STEP_NEXT;
	step = parse_own(skb, work, family);
	if (step)
		return step;
	if (is_neighbour_discovery(tuple))
		return STEP_NEXT;
	return track_own(skb, work, true);
}

/*
 * What the proxy sends by a device, under a pod's address: of a pod's connection with the world, which is the
 * pod's own: it counts there.
 */
__noinline int track_proxy(struct __sk_buff *skb)
{
	struct work *work = work_area(skb);
	struct endpoint *sender;
	__u8 family;
	int step;

	if (!work)
		return DROP(DROP_WRITE_ERROR); /* unreachable: it is always there */
	family = skb->protocol == bpf_htons(ETH_P_IP) ? FAMILY_IPV4 : FAMILY_IPV6;
	step = parse_own(skb, work, family);
	if (step)
		return step;
	sender = &work->local[END_SOURCE];
	if (endpoint_read(sender, &work->packet.tuple.source, family) != 1)
		return STEP_NEXT;
	work->packet.owner = sender->id;
	work->incarnation = sender->incarnation;
	work->answers = work->from_proxy == MARK_PROXY_TO_CLIENT;
	return track(skb, work, true);
}

/* Sends a packet by a pod's interface, past the node's stack. */
static __always_inline int send_to_pod(struct __sk_buff *skb, const struct endpoint *pod)
{
	if (bpf_skb_store_bytes(skb, 0, pod->mac, ETH_ALEN, 0) ||
	    bpf_skb_store_bytes(skb, ETH_ALEN, pod->host_mac, ETH_ALEN, 0))
		return DROP(DROP_WRITE_ERROR); /* unreachable: devices give whole headers */
	return bpf_redirect(pod->ifindex, 0);
}

/*
 * A packet that came in by a device, to a pod's address, which it has again where it was masqueraded. Of a connection that is
 * proxied already it goes to the proxy from here: the stack would find the proxy's socket by the packet's addresses before it
 * routes it to the pod (early demux), and does not forward what has a socket. What begins a connection is judged at the
 * pod's interface, and goes there past the stack where an older connection's socket would be found.
 */
__noinline int to_proxied(struct __sk_buff *skb)
{
	struct work *work = work_area(skb);
	const struct conntrack_entry *entry;
	struct endpoint *pod;
	__u8 family;
	bool first;
	int step;

	if (!work)
		return DROP(DROP_WRITE_ERROR); /* unreachable: it is always there */
	family = skb->protocol == bpf_htons(ETH_P_IP) ? FAMILY_IPV4 : FAMILY_IPV6;
	pod = &work->local[END_DESTINATION];
	if (!peek_addresses(skb, &work->packet.tuple, family) ||
	    endpoint_read(pod, &work->packet.tuple.destination, family) != 1 ||
	    pod->flags & (ENDPOINT_HOST | ENDPOINT_CHAINED) || parse_own(skb, work, family))
		return STEP_NEXT;
	if (work->packet.is_icmp_error)
		return STEP_NEXT; /* the stack looks for no socket before it routes it to the pod */
	entry = conntrack_find(&work->packet.tuple);
	if (!entry || !is_proxied(entry))
		return STEP_NEXT;
	work->is_reply = is_reply(entry, &work->packet.tuple);
	if (work->packet.tuple.protocol == IPPROTO_TCP) {
		first = is_first_packet(&work->packet);
		if (!has_proxy_connection(skb, &work->packet.tuple, first))
			return first ? send_to_pod(skb, pod) : STEP_NEXT;
	} else if (!work->is_reply) {
		return STEP_NEXT;
	}
	work->hook = HOOK_POD_INGRESS;
	work->place = CONNECTION_VIA_STACK;
	work->incarnation = pod->incarnation;
	step = track(skb, work, false);
	if (step)
		return step;
	work->hook = HOOK_NETDEV_INGRESS;
	if (work->to_proxy)
		skb->mark = MARK_TO_PROXY;
	return STEP_NEXT;
}

/* The VLAN's number in a tag. */
enum { VLAN_NUMBER = 0x0fff };

/*
 * Stands a VLAN tag behind one of VLAN 0? The kernel takes off any number of those, but only the first of all before it
 * asks us: what is behind the others would reach the node unseen.
 */
static __always_inline bool is_tagged_twice(const struct __sk_buff *skb)
{
	return (skb->protocol == bpf_htons(ETH_P_8021Q) ||
		skb->protocol == bpf_htons(ETH_P_8021AD)) &&
	       !(skb->vlan_tci & VLAN_NUMBER);
}

/* By the family of the packet; what is no IP passes. */
static __always_inline int judge_own(struct __sk_buff *skb, struct work *work, bool leaves)
{
	switch (skb->protocol) {
	case bpf_htons(ETH_P_IP):
		return leaves ? from_node(skb, work, FAMILY_IPV4) : to_node(skb, work, FAMILY_IPV4);
	case bpf_htons(ETH_P_IPV6):
		return leaves ? from_node(skb, work, FAMILY_IPV6) : to_node(skb, work, FAMILY_IPV6);
	default:
		return !leaves && is_tagged_twice(skb) ? DROP(DROP_UNSUPPORTED_L3) : STEP_NEXT;
	}
}
