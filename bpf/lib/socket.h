/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Sockets of the node that a packet would reach. */
#pragma once

#include "common.h"

/* What the look-ups of sockets take: the addresses and ports of a packet that is received. Returns its size. */
static __always_inline __u32 socket_tuple(const struct tuple *received,
					  struct bpf_sock_tuple *tuple)
{
	if (received->family == FAMILY_IPV4) {
		tuple->ipv4.saddr = received->source.v4;
		tuple->ipv4.daddr = received->destination.v4;
		tuple->ipv4.sport = received->source_port;
		tuple->ipv4.dport = received->destination_port;
		return sizeof(tuple->ipv4);
	}
	__builtin_memcpy(tuple->ipv6.saddr, &received->source, sizeof(tuple->ipv6.saddr));
	__builtin_memcpy(tuple->ipv6.daddr, &received->destination, sizeof(tuple->ipv6.daddr));
	tuple->ipv6.sport = received->source_port;
	tuple->ipv6.dport = received->destination_port;
	return sizeof(tuple->ipv6);
}

/* One that listens: of any source; else one of just this connection. */
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

/* One of any kind and state that the packet would reach; of other protocols than TCP and UDP nobody knows. */
static __noinline bool has_socket(struct __sk_buff *skb, const struct tuple *received)
{
	struct bpf_sock_tuple tuple = {};
	struct bpf_sock *socket;
	__u32 size = socket_tuple(received, &tuple);

	if (received->protocol == IPPROTO_TCP)
		socket = bpf_skc_lookup_tcp(skb, &tuple, size, BPF_F_CURRENT_NETNS, 0);
	else if (received->protocol == IPPROTO_UDP)
		socket = bpf_sk_lookup_udp(skb, &tuple, size, BPF_F_CURRENT_NETNS, 0);
	else
		return false;
	if (!socket)
		return false;
	bpf_sk_release(socket);
	return true;
}
