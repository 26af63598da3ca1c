/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Connections. One entry serves both directions and, on one node, both ends; it keeps
 * what policy said, and under which revision.
 *
 * An entry's verdicts, hops and revision are never changed in place: a new judgement
 * replaces the whole entry, so that no reader sees the verdict of one revision
 * under the number of another. Only time, counters and flags are written in place.
 */
#pragma once

#include "common.h"
#include "config.h"
#include "parse.h"

#undef SOURCE_FILE
#define SOURCE_FILE FILE_CONNTRACK

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 524288);
	__type(key, struct conntrack4_key);
	__type(value, struct conntrack_entry);
} conntrack4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 262144);
	__type(key, struct conntrack6_key);
	__type(value, struct conntrack_entry);
} conntrack6 SEC(".maps");

/* Is (source, source port) the higher of the two pairs, as big-endian bytes? */
static __always_inline bool source_is_high(const struct tuple *tuple)
{
	for (int i = 0; i < (tuple->family == FAMILY_IPV4 ? 1 : 4); i++) {
		__u32 source = bpf_ntohl(tuple->source.words[i]);
		__u32 destination = bpf_ntohl(tuple->destination.words[i]);

		if (source != destination)
			return source > destination;
	}
	return bpf_ntohs(tuple->source_port) > bpf_ntohs(tuple->destination_port);
}

static __always_inline void conntrack4_key(const struct tuple *tuple, struct conntrack4_key *key)
{
	bool high = source_is_high(tuple);

	key->low_address = high ? tuple->destination.v4 : tuple->source.v4;
	key->high_address = high ? tuple->source.v4 : tuple->destination.v4;
	key->low_port = high ? tuple->destination_port : tuple->source_port;
	key->high_port = high ? tuple->source_port : tuple->destination_port;
	key->protocol = tuple->protocol;
	key->leg = LEG_DIRECT;
	key->pad = 0;
}

static __always_inline void conntrack6_key(const struct tuple *tuple, struct conntrack6_key *key)
{
	bool high = source_is_high(tuple);

	key->low_address = high ? tuple->destination : tuple->source;
	key->high_address = high ? tuple->source : tuple->destination;
	key->low_port = high ? tuple->destination_port : tuple->source_port;
	key->high_port = high ? tuple->source_port : tuple->destination_port;
	key->protocol = tuple->protocol;
	key->leg = LEG_DIRECT;
	key->pad = 0;
}

union conntrack_key {
	struct conntrack4_key v4;
	struct conntrack6_key v6;
};

/* Which of the two it is: is it `v4`? Callers have to ask: an answer that nobody reads clang leaves out, and the verifier then finds a pointer in its place. */
static __noinline bool conntrack_key(const struct tuple *tuple, union conntrack_key *key)
{
	if (tuple->family == FAMILY_IPV4)
		conntrack4_key(tuple, &key->v4);
	else
		conntrack6_key(tuple, &key->v6);
	return tuple->family == FAMILY_IPV4;
}

/* Inline, for the way where every call counts; all others share conntrack_find. */
static __always_inline struct conntrack_entry *conntrack_find_here(const struct tuple *tuple)
{
	if (tuple->family == FAMILY_IPV4) {
		struct conntrack4_key key;

		conntrack4_key(tuple, &key);
		return bpf_map_lookup_elem(&conntrack4, &key);
	} else {
		struct conntrack6_key key;

		conntrack6_key(tuple, &key);
		return bpf_map_lookup_elem(&conntrack6, &key);
	}
}

static __noinline struct conntrack_entry *conntrack_find(const struct tuple *tuple)
{
	union conntrack_key key;

	return conntrack_key(tuple, &key) ? bpf_map_lookup_elem(&conntrack4, &key.v4) :
					    bpf_map_lookup_elem(&conntrack6, &key.v6);
}

static __noinline int conntrack_store(const struct tuple *tuple,
				      const struct conntrack_entry *entry)
{
	union conntrack_key key;
	long error;

	error = conntrack_key(tuple, &key) ?
			bpf_map_update_elem(&conntrack4, &key.v4, entry, BPF_ANY) :
			bpf_map_update_elem(&conntrack6, &key.v6, entry, BPF_ANY);
	if (error)
		return DROP(DROP_CONNTRACK_INSERT_FAILED); /* unreachable: the table makes room */
	return STEP_NEXT;
}

/* Does this packet go from the connection's destination to its source? */
static __always_inline bool is_reply(const struct conntrack_entry *entry, const struct tuple *tuple)
{
	return source_is_high(tuple) != !!(entry->flags & CONNECTION_SOURCE_IS_HIGH);
}

static __always_inline bool is_icmp(const struct tuple *tuple)
{
	return tuple->protocol == IPPROTO_ICMP || tuple->protocol == IPPROTO_ICMPV6;
}

static __always_inline bool is_echo_request(const struct tuple *tuple)
{
	return tuple->icmp_type ==
	       (tuple->protocol == IPPROTO_ICMP ? ICMP_ECHO : ICMPV6_ECHO_REQUEST);
}

static __always_inline bool is_echo_reply(const struct tuple *tuple)
{
	return tuple->icmp_type ==
	       (tuple->protocol == IPPROTO_ICMP ? ICMP_ECHOREPLY : ICMPV6_ECHO_REPLY);
}

/*
 * Is the packet one of the connection that its key found? Of ICMP only echoes are connections,
 * requests one way and replies the other; all else has no key of its own.
 */
static __always_inline bool is_packet_of(const struct tuple *tuple, bool reply)
{
	if (!is_icmp(tuple))
		return true;
	return reply ? is_echo_reply(tuple) : is_echo_request(tuple);
}

static __always_inline bool is_closing(const struct conntrack_entry *entry)
{
	return entry->flags & (CONNECTION_SOURCE_CLOSING | CONNECTION_DESTINATION_CLOSING);
}

/* Both sides have said so, or one has reset it. */
static __always_inline bool is_closed(const struct conntrack_entry *entry)
{
	const __u8 both = CONNECTION_SOURCE_CLOSING | CONNECTION_DESTINATION_CLOSING;

	return (entry->flags & both) == both;
}

/* Can the packet only be the first of a connection, or the first again? */
static __always_inline bool is_first_packet(const struct packet *packet)
{
	if (packet->tuple.protocol == IPPROTO_TCP)
		return (packet->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
	return is_icmp(&packet->tuple) && is_echo_request(&packet->tuple);
}

/*
 * Does the packet begin a connection of its own although an entry of its addresses
 * and ports is there? It does when the entry has timed out, when a SYN meets a
 * connection that is being closed, and when a SYN or an echo request comes from the
 * other side (a server that calls back is not a reply).
 */
static __always_inline bool conntrack_is_over(const struct conntrack_entry *entry,
					      const struct packet *packet, __u64 now, bool reply)
{
	if (now > entry->expires)
		return true;
	return is_first_packet(packet) && (reply || is_closing(entry));
}

/* Does nothing that is kept about it depend on more than its revision: on a clock, or on places? */
static __always_inline bool is_unconditional(const struct conntrack_entry *entry)
{
	return !entry->not_after && !entry->end[END_SOURCE].limit &&
	       !entry->end[END_DESTINATION].limit;
}

/* Has the time of a TCP handshake, which no packet prolongs. */
static __always_inline bool is_handshake(const struct conntrack_entry *entry, __u8 protocol)
{
	return protocol == IPPROTO_TCP && !(entry->flags & CONNECTION_ESTABLISHED) &&
	       !is_closed(entry);
}

static __always_inline __u64 conntrack_lifetime(const struct conntrack_entry *entry, __u8 protocol)
{
	__u8 closing = entry->flags & (CONNECTION_SOURCE_CLOSING | CONNECTION_DESTINATION_CLOSING);

	if (protocol != IPPROTO_TCP)
		return config.other_timeout;
	if (closing == (CONNECTION_SOURCE_CLOSING | CONNECTION_DESTINATION_CLOSING))
		return config.tcp_close_timeout;
	if (!(entry->flags & CONNECTION_ESTABLISHED))
		return config.tcp_syn_timeout;
	return config.tcp_established_timeout;
}

/* Atomic. Clang makes of its builtin the instruction that fetches, too, which kernels have from 5.12 on. */
static __always_inline void add(__u64 *sum, __u64 value)
{
	asm volatile("lock *(u64 *)(%0 + 0) += %1" : : "r"(sum), "r"(value) : "memory");
}

/* A packet that passed, as its connection counts it. */
struct passed {
	__u64 now; /* ns, CLOCK_BOOTTIME */
	__u32 length;
	__u32 from; /* enum connection_end */
	__u8 protocol;
	__u8 tcp_flags;
};

/*
 * Notes a packet that passed: flags, lifetime, counters. Is it worth an event: the first of its end, one that
 * begins or ends something, or the first for some seconds?
 */
static __noinline bool conntrack_count(struct conntrack_entry *entry, const struct passed *passed)
{
	const __u8 changing = TCP_SYN | TCP_FIN | TCP_RST;
	__u32 from = passed->from & 1;
	__u8 protocol = passed->protocol;
	__u8 tcp_flags = passed->tcp_flags;
	__u8 flags = entry->flags;
	bool news = tcp_flags & ~entry->tcp_flags[from] & changing || !entry->packets[from] ||
		    passed->now - entry->told >= config.trace_interval;

	if (from == END_DESTINATION)
		flags |= protocol == IPPROTO_TCP ? CONNECTION_SEEN_REPLY :
						   CONNECTION_SEEN_REPLY | CONNECTION_ESTABLISHED;
	else if (flags & CONNECTION_SEEN_REPLY &&
		 (tcp_flags & (TCP_SYN | TCP_RST | TCP_ACK)) == TCP_ACK)
		flags |= CONNECTION_ESTABLISHED;
	if (tcp_flags & TCP_RST)
		flags |= CONNECTION_SOURCE_CLOSING | CONNECTION_DESTINATION_CLOSING;
	if (tcp_flags & TCP_FIN)
		flags |= from == END_SOURCE ? CONNECTION_SOURCE_CLOSING :
					      CONNECTION_DESTINATION_CLOSING;
	if (flags != entry->flags)
		entry->flags = flags;
	if (tcp_flags & ~entry->tcp_flags[from])
		entry->tcp_flags[from] |= tcp_flags;
	if (!entry->expires || !is_handshake(entry, protocol))
		entry->expires = passed->now + conntrack_lifetime(entry, protocol);
	entry->fast_until =
		flags & CONNECTION_ESTABLISHED && !is_closing(entry) && is_unconditional(entry) ?
			bpf_jiffies64() + FAST_JIFFIES :
			0;
	add(&entry->packets[from], 1);
	add(&entry->bytes[from], passed->length);
	if (!config.trace_interval || !news)
		return false;
	entry->told = passed->now;
	return true;
}
