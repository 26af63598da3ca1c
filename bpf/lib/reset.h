/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * `config.terminate_on_deny`: who sends on a TCP connection that policy has cut is told by a RST (RFC 9293 section
 * 3.10.7.1), made of the packet that is dropped. So the pod's peer learns it at its next packet, too.
 *
 * A pod's packet is answered into the pod. To a sender behind the stack the RST goes as if the pod had sent it: back through
 * the interface's ingress, with a mark that no pod can set, since the kernel clears marks between network namespaces.
 */
#pragma once

#include <linux/pkt_cls.h>

#include "common.h"
#include "config.h"
#include "conntrack.h"
#include "neighbour.h"
#include "parse.h"

/* Of our own RST on its way up: "WRST", without the bits that other programs of nodes take for themselves. */
enum { MARK_RESET = 0x52535400 };

enum { RESET_TTL = 64 };

/* RFC 9293 section 3.1, without options. */
struct tcp_header {
	struct ports ports;
	__be32 sequence;
	__be32 acknowledgement;
	__u8 words; /* of the header, in the upper 4 bits */
	__u8 flags;
	__be16 window;
	__sum16 checksum;
	__be16 urgent;
};

/* RSTs that were sent, by the hook that dropped. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, HOOK_END);
	__type(key, __u32);
	__type(value, __u64);
} resets SEC(".maps");

/*
 * Is the sender of a known connection's packet, with which `step` ended, to be told? A RST is never answered, and
 * a SYN is the first of a connection that never was.
 */
static __always_inline bool is_cut(const struct packet *packet, int step)
{
	__u8 reason = DROP_REASON_OF(step);

	return config.terminate_on_deny &&
	       (reason == DROP_POLICY_DENIED || reason == DROP_POLICY_DENIED_BY_RULE) &&
	       packet->tuple.protocol == IPPROTO_TCP && packet->fragment == FRAGMENT_NONE &&
	       !(packet->tcp_flags & TCP_RST) &&
	       (packet->tcp_flags & (TCP_SYN | TCP_ACK)) != TCP_SYN;
}

/* The sender is gone as if it had closed: should it come again by the same ports, it opens another connection. */
static __always_inline void note_reset(const struct work *work)
{
	struct conntrack_entry *entry = conntrack_find(&work->packet.tuple);

	if (entry)
		entry->flags |=
			work->is_reply ? CONNECTION_DESTINATION_CLOSING : CONNECTION_SOURCE_CLOSING;
}

/* The RST for a segment whose TCP header this was. `size`: of the segment's header and payload, in bytes. */
static __always_inline void answer_segment(struct tcp_header *tcp, __u32 size)
{
	struct tcp_header segment = *tcp;
	__u32 length = size - (segment.words >> 4) * 4;

	__builtin_memset(tcp, 0, sizeof(*tcp));
	tcp->ports.source = segment.ports.destination;
	tcp->ports.destination = segment.ports.source;
	tcp->words = sizeof(*tcp) / 4 << 4;
	tcp->flags = TCP_RST;
	if (segment.flags & TCP_ACK) {
		tcp->sequence = segment.acknowledgement;
	} else {
		tcp->flags |= TCP_ACK;
		if (segment.flags & (TCP_SYN | TCP_FIN))
			length++;
		tcp->acknowledgement = bpf_htonl(bpf_ntohl(segment.sequence) + length);
	}
}

/* Writes the IP header of a RST that answers `from` to `to`; returns the sum of its pseudo header. */
static __always_inline __s64 write_ip(struct __sk_buff *skb, const struct tuple *dropped)
{
	const __u64 flags = BPF_F_RECOMPUTE_CSUM;

	if (dropped->family == FAMILY_IPV4) {
		struct iphdr ip = {
			.version = 4,
			.ihl = sizeof(ip) / 4,
			.tot_len = bpf_htons(sizeof(ip) + sizeof(struct tcp_header)),
			.frag_off = bpf_htons(IPV4_DONT_FRAGMENT),
			.ttl = RESET_TTL,
			.protocol = IPPROTO_TCP,
			.saddr = dropped->destination.v4,
			.daddr = dropped->source.v4,
		};
		struct {
			__be32 source;
			__be32 destination;
			__be32 protocol_and_length;
		} pseudo = {
			.source = ip.saddr,
			.destination = ip.daddr,
			.protocol_and_length =
				bpf_htonl(IPPROTO_TCP << 16 | sizeof(struct tcp_header)),
		};

		ip.check = fold_checksum(bpf_csum_diff(NULL, 0, (__be32 *)&ip, sizeof(ip), 0));
		if (bpf_skb_store_bytes(skb, ETH_HLEN, &ip, sizeof(ip), flags))
			return -1;
		return bpf_csum_diff(NULL, 0, (__be32 *)&pseudo, sizeof(pseudo), 0);
	} else {
		struct ipv6hdr ip = {
			.version = 6,
			.payload_len = bpf_htons(sizeof(struct tcp_header)),
			.nexthdr = IPPROTO_TCP,
			.hop_limit = RESET_TTL,
		};
		struct {
			struct ip_address source;
			struct ip_address destination;
			__be32 length;
			__be32 protocol;
		} pseudo = {
			.source = dropped->destination,
			.destination = dropped->source,
			.length = bpf_htonl(sizeof(struct tcp_header)),
			.protocol = bpf_htonl(IPPROTO_TCP),
		};

		__builtin_memcpy(&ip.saddr, dropped->destination.words, sizeof(ip.saddr));
		__builtin_memcpy(&ip.daddr, dropped->source.words, sizeof(ip.daddr));
		if (bpf_skb_store_bytes(skb, ETH_HLEN, &ip, sizeof(ip), flags))
			return -1;
		return bpf_csum_diff(NULL, 0, (__be32 *)&pseudo, sizeof(pseudo), 0);
	}
}

/*
 * Makes a RST of a packet that is dropped and sends it to the sender. Packets with IP options or extension headers are only
 * dropped. Returns a tc action.
 */
__noinline int send_reset(struct __sk_buff *skb)
{
	struct work *work = work_area(skb);
	struct tcp_header tcp;
	struct ethhdr eth, back;
	__u32 at, key;
	__u64 *count;
	bool partial;
	__s64 sum;

	if (!work)
		return TC_ACT_SHOT;
	at = ETH_HLEN + (work->packet.tuple.family == FAMILY_IPV4 ? sizeof(struct iphdr) :
								    sizeof(struct ipv6hdr));
	if (work->packet.l4_offset != at || bpf_skb_load_bytes(skb, 0, &eth, sizeof(eth)) ||
	    bpf_skb_load_bytes(skb, at, &tcp, sizeof(tcp)))
		return TC_ACT_SHOT;
	/*
	 * The kernel leaves a checksum to the device, or to nobody, whose place it does not let us cut off: then it
	 * wants that of the pseudo header there.
	 */
	partial = bpf_skb_change_tail(skb, at + sizeof(tcp) - sizeof(tcp.checksum) - 1, 0);
	if (bpf_skb_change_tail(skb, at + sizeof(tcp), 0))
		return TC_ACT_SHOT;
	answer_segment(&tcp, work->packet.end - at);
	sum = write_ip(skb, &work->packet.tuple);
	if (sum < 0)
		return TC_ACT_SHOT;
	tcp.checksum =
		partial ? ~fold_checksum(sum) :
			  fold_checksum(bpf_csum_diff(NULL, 0, (__be32 *)&tcp, sizeof(tcp), sum));
	back.h_proto = eth.h_proto;
	__builtin_memcpy(back.h_dest, eth.h_source, ETH_ALEN);
	__builtin_memcpy(back.h_source, eth.h_dest, ETH_ALEN);
	if (bpf_skb_store_bytes(skb, at, &tcp, sizeof(tcp),
				BPF_F_RECOMPUTE_CSUM | BPF_F_INVALIDATE_HASH) ||
	    bpf_skb_store_bytes(skb, 0, &back, sizeof(back), BPF_F_RECOMPUTE_CSUM))
		return TC_ACT_SHOT;
	note_reset(work);
	key = work->hook;
	count = bpf_map_lookup_elem(&resets, &key);
	if (count)
		(*count)++;
	if (work->hook == HOOK_POD_EGRESS) {
		skb->mark = 0;
		return bpf_redirect_peer(skb->ifindex, 0);
	}
	skb->mark = MARK_RESET;
	return bpf_redirect(skb->ifindex, BPF_F_INGRESS);
}

/* The last word on a packet: `action`, or a RST where it was of a connection that is cut. */
static __always_inline int answer_cut(struct __sk_buff *skb, const struct work *work, int action)
{
	return work->cut && action == TC_ACT_SHOT ? send_reset(skb) : action;
}

/* Is it our own RST, which goes on up the stack? */
static __always_inline bool is_own_reset(const struct __sk_buff *skb)
{
	return skb->mark == MARK_RESET;
}
