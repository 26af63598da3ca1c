/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Mappings of flows to addresses of the node. One flow of one owner has one, and no two flows have the same tuple of
 * (protocol, node's address, port, remote address, remote port); nor has one a tuple that a socket
 * of the node would receive.
 */
#pragma once

#include "common.h"
#include "config.h"
#include "conntrack.h"
#include "endpoint.h"
#include "socket.h"

#undef SOURCE_FILE
#define SOURCE_FILE FILE_NAT

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 262144);
	__type(key, struct nat4_key);
	__type(value, struct nat_entry);
} nat4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 131072);
	__type(key, struct nat6_key);
	__type(value, struct nat_entry);
} nat6 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, NAT_COUNTERS);
	__type(key, __u32);
	__type(value, __u64);
} nat_counters SEC(".maps");

/*
 * Ports that are tried for a flow. With 60,000 of the 61,744 ports taken, so many at random miss the
 * others once in 10^6 times, and cost some 30 us.
 */
enum { NAT_TRIES = 512 };

/*
 * Kubernetes' default ports of NodePort services. No socket says that they are taken where somebody else's NAT
 * serves them, and a flow that had one would be sent what the world sends to the service.
 */
enum { NODE_PORT_FIRST = 30000, NODE_PORT_LAST = 32767 };

static __always_inline void nat_count(__u32 counter, __u64 number)
{
	__u64 *value = bpf_map_lookup_elem(&nat_counters, &counter);

	if (value)
		*value += number;
}

/* An echo has one identifier, which stands as the owner's port. */
static __always_inline __be16 nat_remote_port(const struct tuple *tuple)
{
	return is_icmp(tuple) ? 0 : tuple->destination_port;
}

static __always_inline void nat4_key(const struct tuple *tuple, __u8 side, struct nat4_key *key)
{
	key->own = tuple->source.v4;
	key->remote = tuple->destination.v4;
	key->own_port = tuple->source_port;
	key->remote_port = nat_remote_port(tuple);
	key->protocol = tuple->protocol;
	key->side = side;
	key->pad = 0;
}

static __always_inline void nat6_key(const struct tuple *tuple, __u8 side, struct nat6_key *key)
{
	key->own = tuple->source;
	key->remote = tuple->destination;
	key->own_port = tuple->source_port;
	key->remote_port = nat_remote_port(tuple);
	key->protocol = tuple->protocol;
	key->side = side;
	key->pad = 0;
}

/* @tuple: source is the owner (NAT_OUT), or the node as the world sees it (NAT_IN). */
static __noinline struct nat_entry *nat_find(const struct tuple *tuple, __u8 side)
{
	if (tuple->family == FAMILY_IPV4) {
		struct nat4_key key;

		nat4_key(tuple, side, &key);
		return bpf_map_lookup_elem(&nat4, &key);
	} else {
		struct nat6_key key;

		nat6_key(tuple, side, &key);
		return bpf_map_lookup_elem(&nat6, &key);
	}
}

static __noinline long nat_store(const struct tuple *tuple, __u8 side,
				 const struct nat_entry *entry, __u64 flags)
{
	if (tuple->family == FAMILY_IPV4) {
		struct nat4_key key;

		nat4_key(tuple, side, &key);
		return bpf_map_update_elem(&nat4, &key, entry, flags);
	} else {
		struct nat6_key key;

		nat6_key(tuple, side, &key);
		return bpf_map_update_elem(&nat6, &key, entry, flags);
	}
}

/* Is this the half that belongs to the flow which has this source on its other side? */
static __always_inline bool nat_names(const struct nat_entry *entry, const struct tuple *tuple)
{
	return entry->port == tuple->source_port && address_equal(&entry->address, &tuple->source);
}

static __always_inline __u64 nat_lifetime(__u8 flags, __u8 protocol)
{
	const __u8 closed = NAT_OWNER_CLOSING | NAT_REMOTE_CLOSING;

	if (protocol != IPPROTO_TCP)
		return config.other_timeout;
	if ((flags & closed) == closed)
		return config.tcp_close_timeout;
	return flags & NAT_ESTABLISHED ? config.tcp_established_timeout : config.tcp_syn_timeout;
}

/* What a packet makes of its mapping's flags. */
static __always_inline __u8 nat_flags(__u8 flags, const struct packet *packet, bool answer)
{
	__u8 tcp = packet->tcp_flags;

	if (answer)
		flags |= NAT_ANSWERED;
	if (packet->tuple.protocol != IPPROTO_TCP)
		return flags;
	if (!answer && (tcp & (TCP_SYN | TCP_ACK)) == TCP_SYN)
		return 0; /* a new connection by the same mapping */
	if (!answer && flags & NAT_ANSWERED && (tcp & (TCP_SYN | TCP_RST | TCP_ACK)) == TCP_ACK)
		flags |= NAT_ESTABLISHED;
	if (tcp & TCP_RST)
		flags |= NAT_OWNER_CLOSING | NAT_REMOTE_CLOSING;
	if (tcp & TCP_FIN)
		flags |= answer ? NAT_REMOTE_CLOSING : NAT_OWNER_CLOSING;
	return flags;
}

/* Notes in both halves that a packet of the flow has passed. */
static __always_inline void nat_refresh(struct work *work, struct nat_entry *out,
					struct nat_entry *in, bool answer)
{
	__u8 flags = nat_flags(out->flags, &work->packet, answer);
	__u64 expires = work->now + nat_lifetime(flags, work->packet.tuple.protocol);

	out->flags = flags;
	in->flags = flags;
	out->expires = expires;
	in->expires = expires;
}

/*
 * Finds as whom work->nat.own goes, into work->nat.mapped. What one half says counts only if the other one
 * says the same: an element of an LRU map may become another flow's at any time.
 */
static __noinline bool nat_follow_out(struct work *work, bool passes)
{
	struct nat_flow *nat = &work->nat;
	struct nat_entry *out = nat_find(&nat->own, NAT_OUT);
	struct nat_entry *in;

	if (!out || work->now > out->expires || out->incarnation != nat->incarnation)
		return false;
	nat->mapped = nat->own;
	nat->mapped.source = out->address;
	nat->mapped.source_port = out->port;
	in = nat_find(&nat->mapped, NAT_IN);
	if (!in || in->incarnation != nat->incarnation || !nat_names(in, &nat->own))
		return false;
	if (passes)
		nat_refresh(work, out, in, false);
	return true;
}

/* Finds for whom an answer to work->nat.mapped is, into work->nat.own; a pod on the owner's old address is another. */
static __noinline bool nat_follow_in(struct work *work, bool passes)
{
	struct nat_flow *nat = &work->nat;
	struct nat_entry *in = nat_find(&nat->mapped, NAT_IN);
	struct nat_entry *out;

	if (!in || work->now > in->expires)
		return false;
	nat->own = nat->mapped;
	nat->own.source = in->address;
	nat->own.source_port = in->port;
	nat->incarnation = in->incarnation;
	if (incarnation_at(&nat->own.source, nat->own.family) != nat->incarnation)
		return false;
	out = nat_find(&nat->own, NAT_OUT);
	if (!out || out->incarnation != nat->incarnation || !nat_names(out, &nat->mapped))
		return false;
	if (passes)
		nat_refresh(work, out, in, true);
	return true;
}

/* Does another flow than work->nat.own have the tuple that work->nat.mapped is? */
static __noinline bool nat_is_taken(const struct work *work)
{
	const struct nat_flow *nat = &work->nat;
	const struct nat_entry *held = nat_find(&nat->mapped, NAT_IN);

	if (!held || work->now > held->expires)
		return false;
	if (incarnation_at(&held->address, nat->own.family) != held->incarnation)
		return false; /* its pod is gone */
	return held->incarnation != nat->incarnation || !nat_names(held, &nat->own);
}

/* Is there a socket of the node, of any kind and state, that the packet would reach? Of other protocols than TCP and UDP nobody knows. */
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

/* Does a packet to work->nat.mapped reach a socket of the node? The node's own flow has one itself. */
static __noinline bool nat_has_socket(struct __sk_buff *skb, struct work *work)
{
	const struct nat_flow *nat = &work->nat;
	struct tuple received;

	if (nat_names(&nat->entry, &nat->mapped))
		return false;
	reverse(&nat->mapped, &received);
	return has_socket(skb, &received);
}

/* Takes the tuple work->nat.mapped for the flow work->nat.own; 0: somebody else has it. */
__noinline int nat_claim(struct __sk_buff *skb)
{
	struct work *work = work_area(skb);

	if (!work || nat_is_taken(work) || nat_has_socket(skb, work))
		return 0;
	/* One that is over, or the flow's own without its other half, is in the way of NOEXIST only. */
	if (!nat_store(&work->nat.mapped, NAT_IN, &work->nat.entry, BPF_NOEXIST))
		return 1;
	return !nat_is_taken(work) &&
	       !nat_store(&work->nat.mapped, NAT_IN, &work->nat.entry, BPF_ANY);
}

static __always_inline bool can_change_port(__u8 protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_ICMP ||
	       protocol == IPPROTO_ICMPV6;
}

static __always_inline bool is_masquerade_port(__be16 port)
{
	__u16 number = bpf_ntohs(port);

	return number >= config.masquerade_first && number <= config.masquerade_last &&
	       (number < NODE_PORT_FIRST || number > NODE_PORT_LAST);
}

static __always_inline __be16 random_port(void)
{
	__u32 first = config.masquerade_first, last = config.masquerade_last;
	__u32 skipped_first = first > NODE_PORT_FIRST ? first : NODE_PORT_FIRST;
	__u32 skipped_last = last < NODE_PORT_LAST ? last : NODE_PORT_LAST;
	__u32 skipped = skipped_first <= skipped_last ? skipped_last - skipped_first + 1 : 0;
	__u32 ports = last - first + 1 - skipped;
	__u32 port = ports ? first + bpf_get_prandom_u32() % ports : 0;

	return bpf_htons(skipped && port >= skipped_first ? port + skipped : port);
}

/*
 * Makes a mapping of work->nat.own to the address in work->nat.mapped.source: its own port if that is free, else
 * another one. The node's own flows and protocols without ports that NAT could change keep theirs also
 * outside the range.
 */
__noinline int nat_allocate(struct __sk_buff *skb)
{
	struct work *work = work_area(skb);
	struct nat_flow *nat;
	bool changes, keeps;

	if (!work)
		return DROP(DROP_WRITE_ERROR); /* unreachable: it is always there */
	nat = &work->nat;
	changes = can_change_port(nat->own.protocol);
	keeps = !changes || is_masquerade_port(nat->own.source_port) ||
		address_equal(&nat->own.source, &nat->mapped.source);
	nat->entry.address = nat->own.source;
	nat->entry.port = nat->own.source_port;
	nat->entry.incarnation = nat->incarnation;
	nat->entry.created = work->now;
	nat->entry.flags = nat_flags(0, &work->packet, false);
	nat->entry.expires = work->now + nat_lifetime(nat->entry.flags, nat->own.protocol);
	nat->entry.pad = 0;
	for (int i = 0; i < NAT_TRIES; i++) {
		if (i && !changes)
			return DROP(DROP_NAT_PROTOCOL);
		nat->mapped.source_port = i || !keeps ? random_port() : nat->own.source_port;
		if (!nat_claim(skb))
			continue;
		nat->entry.address = nat->mapped.source;
		nat->entry.port = nat->mapped.source_port;
		if (nat_store(&nat->own, NAT_OUT, &nat->entry, BPF_ANY))
			return DROP(DROP_NAT_NO_MAPPING); /* unreachable: the table makes room */
		nat_count(NAT_ALLOCATED, 1);
		nat_count(NAT_RETRIES, i);
		return STEP_NEXT;
	}
	nat_count(NAT_RETRIES, NAT_TRIES);
	nat_count(NAT_EXHAUSTED, 1);
	return DROP(DROP_NAT_NO_MAPPING);
}
