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
