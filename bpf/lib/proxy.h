/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Packets of connections whose requests policy wants to be looked at, on their way to the proxy: a process on the node's own
 * stack that stands in for the server with the server's address, and calls the server under the client's address and port.
 * So both its legs have the same addresses and ports, and one entry of `conntrack` serves them: it counts the client's.
 *
 *   a pod sends          pod_egress marks the packet; the node's rule routes it to the node itself, whatever its destination
 *   the proxy to a pod   its mark says so at pod_ingress, and which leg it is of
 *   others to a pod      pod_ingress sends the packet back by the pod's interface, marked: see return_to_proxy
 */
#pragma once

#include "common.h"
#include "config.h"
#include "conntrack.h"
#include "parse.h"
#include "shared/proxy.h"
#include "socket.h"

#undef SOURCE_FILE
#define SOURCE_FILE FILE_PROXY

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct proxy_state);
} proxy SEC(".maps");

/* How long, in ns, new connections are left to a proxy that does not say that it works. */
#define PROXY_SILENCE 1000000000ull

/* What the proxy's sockets have marked, of packets that the stack itself has made; else 0. */
static __always_inline __u32 proxy_mark(const struct __sk_buff *skb)
{
	__u32 mark = skb->mark & MARK_PROXY_MASK;

	return !skb->ingress_ifindex &&
			       (mark == MARK_PROXY_TO_CLIENT || mark == MARK_PROXY_TO_SERVER) ?
		       mark :
		       0;
}

static __always_inline bool is_ip(const struct __sk_buff *skb)
{
	return skb->protocol == bpf_htons(ETH_P_IP) || skb->protocol == bpf_htons(ETH_P_IPV6);
}

static __always_inline bool is_marked_to_proxy(const struct __sk_buff *skb)
{
	return (skb->mark & MARK_PROXY_MASK) == MARK_TO_PROXY;
}

/* New connections that have passed without the proxy, because it did not work, and their rules let them. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} proxy_bypassed SEC(".maps");

/* Does the proxy stand between the connection's ends? */
static __always_inline bool is_proxied(const struct conntrack_entry *entry)
{
	return entry->proxied & (PROXIED_CLIENT | PROXIED_SERVER);
}

/* Has a proxy ever run since the maps were made? */
static __always_inline bool is_proxy_there(void)
{
	__u32 zero = 0;
	const struct proxy_state *state = bpf_map_lookup_elem(&proxy, &zero);

	return state && *(volatile __u64 *)&state->alive;
}

/* The port, in network order, of a listener of the proxy; 0: there is none, or it does not answer. */
static __always_inline __be16 proxy_port(__u8 protocol, bool is_ipv4, __u64 now)
{
	__u32 zero = 0;
	const struct proxy_state *state = bpf_map_lookup_elem(&proxy, &zero);
	__u64 alive;

	if (!state)
		return 0; /* unreachable: it is always there */
	alive = *(volatile __u64 *)&state->alive;
	if (!alive || (now > alive && now - alive > PROXY_SILENCE))
		return 0;
	if (protocol == IPPROTO_TCP)
		return state->ports[is_ipv4 ? PROXY_TCP4 : PROXY_TCP6];
	return state->ports[is_ipv4 ? PROXY_UDP4 : PROXY_UDP6];
}

/* Gives the packet to the proxy's listener. At the ingress of an interface only. */
static __noinline int assign_listener(struct __sk_buff *skb, __u8 protocol, __u64 now)
{
	struct bpf_sock_tuple tuple = {};
	bool is_ipv4 = skb->protocol == bpf_htons(ETH_P_IP);
	__u32 size = is_ipv4 ? sizeof(tuple.ipv4) : sizeof(tuple.ipv6);
	__be16 port = proxy_port(protocol, is_ipv4, now);
	struct bpf_sock *socket;
	long error;

	if (!port)
		return DROP(DROP_PROXY_LOOKUP_FAILED);
	if (is_ipv4) {
		tuple.ipv4.daddr = bpf_htonl(0x7f000001);
		tuple.ipv4.dport = port;
	} else {
		tuple.ipv6.daddr[3] = bpf_htonl(1);
		tuple.ipv6.dport = port;
	}
	socket = protocol == IPPROTO_TCP ?
			 bpf_skc_lookup_tcp(skb, &tuple, size, BPF_F_CURRENT_NETNS, 0) :
			 bpf_sk_lookup_udp(skb, &tuple, size, BPF_F_CURRENT_NETNS, 0);
	if (!socket)
		return DROP(DROP_PROXY_LOOKUP_FAILED);
	error = bpf_sk_assign(skb, socket, 0);
	bpf_sk_release(socket);
	if (error)
		return DROP(DROP_PROXY_ASSIGN_FAILED);
	skb->mark = MARK_TO_PROXY;
	return STEP_NEXT;
}

/*
 * Is it the proxy's own, by its mark? Others on the node may have the packet's addresses and ports, too: a server's of the
 * node, of a connection that began without the proxy.
 */
static __always_inline bool is_of_proxy(__u32 mark)
{
	mark &= MARK_PROXY_MASK;
	return mark == MARK_PROXY_TO_CLIENT || mark == MARK_PROXY_TO_SERVER;
}

/*
 * Is there a socket of the proxy's for just this connection of TCP? One that waits for its end (TIME_WAIT) is no obstacle to
 * another first packet.
 */
static __noinline bool has_proxy_connection(struct __sk_buff *skb, const struct tuple *received,
					    bool first)
{
	struct bpf_sock_tuple tuple = {};
	struct bpf_sock *socket, *whole;
	__u32 size = socket_tuple(received, &tuple);
	bool found;

	socket = bpf_skc_lookup_tcp(skb, &tuple, size, BPF_F_CURRENT_NETNS, 0);
	if (!socket)
		return false;
	found = socket->state != BPF_TCP_LISTEN && !(first && socket->state == BPF_TCP_TIME_WAIT);
	/* Of one that is not whole yet, or no longer, nobody reads. */
	whole = bpf_sk_fullsock(socket);
	if (whole)
		found = found && is_of_proxy(whole->mark);
	bpf_sk_release(socket);
	return found;
}

/* Does a socket of the proxy's wait for this answer by UDP? Without one it would be for whoever on the node has the port that the client has chosen. */
static __noinline bool has_proxy_question(struct __sk_buff *skb, const struct tuple *received)
{
	struct bpf_sock_tuple tuple = {};
	struct bpf_sock *socket;
	__u32 size = socket_tuple(received, &tuple);
	bool found;

	socket = bpf_sk_lookup_udp(skb, &tuple, size, BPF_F_CURRENT_NETNS, 0);
	if (!socket)
		return false;
	found = is_of_proxy(socket->mark);
	bpf_sk_release(socket);
	return found;
}

/* Or for nobody; else it finds its socket by itself. */
static __always_inline bool is_for_listener(struct __sk_buff *skb, const struct work *work,
					    bool first)
{
	const struct tuple *tuple = &work->packet.tuple;

	if (tuple->protocol == IPPROTO_UDP)
		return !work->is_reply || (!config.rehearsal && !has_proxy_question(skb, tuple));
	return config.rehearsal ? first : !has_proxy_connection(skb, tuple, first);
}

/*
 * The packet, of the proxied connection that work->packet and work->is_reply say, goes to the proxy: at the ingress of a
 * pod's interface up the node's stack. At its egress, where packets cannot be given to sockets, it is only marked, with its protocol where
 * a listener has to have it: see return_to_proxy. A segment of TCP without a socket is answered by a RST.
 */
__noinline int hand_to_proxy(struct __sk_buff *skb)
{
	struct work *work = work_area(skb);
	__u32 mark = MARK_TO_PROXY;
	bool first;
	__u8 protocol;
	int step;

	if (!work)
		return DROP(DROP_WRITE_ERROR); /* unreachable: it is always there */
	if (work->packet.fragment != FRAGMENT_NONE)
		return DROP(DROP_FRAGMENT_UNSUPPORTED);
	protocol = work->packet.tuple.protocol;
	if (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP)
		return DROP(DROP_PROXY_UNKNOWN_PROTOCOL);
	first = protocol == IPPROTO_TCP && is_first_packet(&work->packet);
	if (is_for_listener(skb, work, first)) {
		bool is_ipv4 = work->packet.tuple.family == FAMILY_IPV4;

		if ((protocol == IPPROTO_TCP && !first) || work->is_reply ||
		    !proxy_port(protocol, is_ipv4, work->now)) {
			work->cut = protocol == IPPROTO_TCP && !(work->packet.tcp_flags & TCP_RST);
			return DROP(DROP_PROXY_LOOKUP_FAILED);
		}
		mark |= protocol;
	}
	if (work->hook == HOOK_POD_INGRESS) {
		skb->mark = mark;
		return STEP_NEXT;
	}
	skb->mark = MARK_TO_PROXY;
	if (mark == MARK_TO_PROXY || config.rehearsal)
		return STEP_NEXT;
	step = assign_listener(skb, protocol, work->now);
	work->cut = step && protocol == IPPROTO_TCP;
	return step;
}

/* At the egress of a pod's interface: the packet comes back by the interface, where take_back finds it. */
static __always_inline int turn_back(struct __sk_buff *skb, const struct endpoint *endpoint,
				     __u32 mark)
{
	if (bpf_skb_store_bytes(skb, 0, endpoint->host_mac, ETH_ALEN, 0))
		return DROP(DROP_WRITE_ERROR); /* unreachable: devices give whole headers */
	skb->mark = mark;
	return bpf_redirect(skb->ifindex, BPF_F_INGRESS);
}

/* The same of a packet that a socket of the proxy's has to have. */
static __always_inline int return_to_proxy(struct __sk_buff *skb, const struct endpoint *endpoint)
{
	int step = hand_to_proxy(skb);

	return step ? step : turn_back(skb, endpoint, skb->mark);
}

/* Such a packet, come back. It was judged, and is told of, there. */
static __always_inline int take_back(struct __sk_buff *skb)
{
	__u8 protocol = skb->mark;

	return protocol ? assign_listener(skb, protocol, bpf_ktime_get_boot_ns()) : STEP_NEXT;
}
