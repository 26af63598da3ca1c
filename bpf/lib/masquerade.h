/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Pods reach the world under the node's address. What a pod sends by a device of the node gets the device's address, and
 * what comes back the pod's; policy and connections see only the pod's own.
 *
 * Left alone are connections that the world began, and excluded destinations. The node's own flows need no mapping as long
 * as a socket stands for them, which no mapping is made against; those without one (echoes, what other
 * NAT sends under the node's address) get one to themselves. One of either kind that begins where a pod's
 * mapping is already takes another port.
 */
#pragma once

#include "common.h"
#include "conntrack.h"
#include "endpoint.h"
#include "nat.h"
#include "parse.h"
#include "related.h"
#include "rewrite.h"
#include "shared/ipcache.h"
#include "track.h"

#undef SOURCE_FILE
#define SOURCE_FILE FILE_MASQUERADE

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 16384);
	__type(key, struct ipcache_key);
	__type(value, __u32); /* enum masquerade_range */
} masquerade_ranges SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, __u32);
	__type(value, struct masquerade_device);
} masquerade_devices SEC(".maps");

enum sender {
	SENDER_OTHER = 0, /* the node forwards for somebody who has an address of his own */
	SENDER_NODE = 1,  /* under an address by which it masquerades */
	SENDER_POD = 2,
};

static __noinline __u32 range_of(const struct ip_address *address, __u8 family)
{
	struct ipcache_key key = {
		.prefixlen = IPCACHE_FIXED_BITS + (family == FAMILY_IPV4 ? 32 : 128),
		.family = family,
		.address = *address,
	};
	const __u32 *range = bpf_map_lookup_elem(&masquerade_ranges, &key);

	return range ? *range : 0;
}

static __always_inline __u8 family_of(const struct __sk_buff *skb)
{
	return skb->protocol == bpf_htons(ETH_P_IP)   ? FAMILY_IPV4 :
	       skb->protocol == bpf_htons(ETH_P_IPV6) ? FAMILY_IPV6 :
							FAMILY_NONE;
}

static __always_inline int parse_ip(struct __sk_buff *skb, struct work *work, __u8 family)
{
	if (!work->now)
		work->now = bpf_ktime_get_boot_ns();
	return family == FAMILY_IPV4 ? parse_ipv4(skb, &work->packet) :
				       parse_ipv6(skb, &work->packet);
}

/*
 * By the addresses alone. A pod is also who has an address of theirs without a record: it must not leave under it. A
 * chained pod, whose address is none of theirs, is masqueraded by its own plugin, or by nobody.
 */
static __always_inline enum sender sender_of(const struct tuple *tuple, __u8 family)
{
	const struct endpoint *record = endpoint_by_address(&tuple->source, family);
	__u32 range;

	if (record && !(record->flags & (ENDPOINT_HOST | ENDPOINT_CHAINED)))
		return SENDER_POD;
	range = range_of(&tuple->source, family);
	return range & MASQUERADE_POD  ? SENDER_POD :
	       range & MASQUERADE_NODE ? SENDER_NODE :
					 SENDER_OTHER;
}

/*
 * Whose mapping the packet needs. Only what came by a pod's own device is the pod's; only the node
 * itself may use an address of theirs that no pod has (its gateway address).
 */
static __always_inline int identify_pod(struct __sk_buff *skb, struct work *work, __u8 family)
{
	struct endpoint *record = &work->local[END_SOURCE];
	int here = endpoint_read(record, &work->packet.tuple.source, family);

	if (here < 0)
		return DROP(DROP_ENDPOINT_NOT_READY);
	if (!here)
		return skb->ingress_ifindex ? DROP(DROP_UNKNOWN_SENDER) : STEP_NEXT;
	if (record->ifindex != skb->ingress_ifindex && !work->from_proxy)
		return DROP(DROP_INVALID_SOURCE_IP);
	work->packet.owner = record->id;
	work->nat.incarnation = record->incarnation;
	return STEP_NEXT;
}

/* Is the packet of a connection that the other side began, to the pod's own address? */
static __always_inline bool is_answer(const struct tuple *tuple)
{
	const struct conntrack_entry *entry = conntrack_find(tuple);

	return entry && is_reply(entry, tuple);
}

/*
 * Protocols that work under another address. Those that do not have checksums over the addresses that nobody
 * mends here, or (AH) have them signed. Of ICMP only echoes have an identifier.
 */
static __always_inline bool can_masquerade(const struct tuple *tuple)
{
	if (is_icmp(tuple))
		return is_echo_request(tuple);
	return tuple->protocol != IPPROTO_AH && tuple->protocol != IPPROTO_UDPLITE &&
	       tuple->protocol != IPPROTO_DCCP;
}

static __always_inline void set_rewrite(struct work *work, const struct tuple *from,
					const struct tuple *to, bool source)
{
	work->rewrite.from = from->source;
	work->rewrite.to = to->source;
	work->rewrite.from_port = from->source_port;
	work->rewrite.to_port = to->source_port;
	work->rewrite.source = source;
}

static __always_inline bool is_rewritten(const struct nat_flow *nat)
{
	return nat->own.source_port != nat->mapped.source_port ||
	       !address_equal(&nat->own.source, &nat->mapped.source);
}

/* Reads the quoted packet's ports, too; STEP_NEXT, or a drop where nobody knows what is quoted. */
static __always_inline int read_quote(struct __sk_buff *skb, struct work *work)
{
	int step = read_quoted(skb, &work->packet, &work->quoted);

	if (step)
		return step;
	if (work->quoted.fragment == FRAGMENT_LATER)
		return DROP(DROP_NAT_NO_MAPPING);
	return read_quoted_ports(skb, &work->quoted);
}

/*
 * An ICMP error that leaves. The packet that it quotes has been translated when it came in, and its sender
 * knows it only as it was before.
 */
__noinline int masquerade_error(struct __sk_buff *skb)
{
	struct work *work = work_area(skb);
	const struct conntrack_entry *entry;
	const struct tuple *quoted;
	struct nat_flow *nat;
	bool is_pod;
	int step;

	if (!work)
		return DROP(DROP_WRITE_ERROR); /* unreachable: it is always there */
	nat = &work->nat;
	quoted = &work->quoted.tuple;
	is_pod = !(range_of(&work->packet.tuple.source, work->packet.tuple.family) &
		   MASQUERADE_NODE);
	step = read_quote(skb, work);
	if (step)
		return is_pod ? step : STEP_NEXT;
	if (skb->ingress_ifindex && is_pod &&
	    !address_equal(&quoted->destination, &work->packet.tuple.source))
		return DROP(DROP_NAT_NO_MAPPING);
	reverse(quoted, &nat->own);
	nat->incarnation = incarnation_at(&nat->own.source, nat->own.family);
	if (!(is_icmp(quoted) && !is_echo_reply(quoted)) && nat_follow_out(work, false)) {
		if (!is_rewritten(nat))
			return STEP_NEXT;
		set_rewrite(work, &nat->own, &nat->mapped, false);
		step = rewrite_quoted(skb);
		if (step || !is_pod)
			return step;
		work->rewrite.source = true;
		work->rewrite.from = work->packet.tuple.source;
		work->rewrite.to_port = work->rewrite.from_port;
		return rewrite_packet(skb);
	}
	if (!is_pod)
		return STEP_NEXT;
	entry = conntrack_find(quoted);
	return entry && !is_reply(entry, quoted) ? STEP_NEXT : DROP(DROP_NAT_NO_MAPPING);
}

/* Has a device above this one masqueraded it: does it come from the pod that has the mapping? */
static __noinline bool is_masqueraded(const struct __sk_buff *skb, const struct work *work)
{
	const struct nat_flow *nat = &work->nat;
	const struct nat_entry *held;
	const struct endpoint *owner;

	if (!skb->ingress_ifindex)
		return false;
	held = nat_find(&nat->mapped, NAT_IN);
	if (!held)
		return false;
	owner = endpoint_by_address(&held->address, nat->own.family);
	return owner && owner->incarnation == held->incarnation &&
	       owner->ifindex == skb->ingress_ifindex;
}

/* A packet of the node's own: 1: it goes as it is. */
static __always_inline int follow_own(struct __sk_buff *skb, struct work *work)
{
	struct nat_flow *nat = &work->nat;
	__u8 protocol = nat->own.protocol;

	if (nat_follow_out(work, true))
		return is_rewritten(nat) ? STEP_NEXT : 1;
	nat->mapped = nat->own;
	if (is_masqueraded(skb, work))
		return 1;
	if (!skb->ingress_ifindex && (protocol == IPPROTO_TCP || protocol == IPPROTO_UDP) &&
	    !nat_is_taken(work))
		return 1;
	return nat_allocate(skb);
}

/* A packet of a pod's: 1: it goes as it is. */
static __always_inline int follow_pod(struct __sk_buff *skb, struct work *work,
				      const struct masquerade_device *device)
{
	struct nat_flow *nat = &work->nat;

	if (can_masquerade(&nat->own) && nat_follow_out(work, true))
		return STEP_NEXT;
	if (is_answer(&nat->own))
		return 1;
	if (!can_masquerade(&nat->own))
		return DROP(DROP_NAT_PROTOCOL);
	nat->mapped = nat->own;
	nat->mapped.source = nat->own.family == FAMILY_IPV4 ? device->ipv4 : device->ipv6;
	if (address_is_zero(&nat->mapped.source))
		return DROP(DROP_NO_EGRESS_IP);
	return nat_allocate(skb);
}

/* A packet that leaves by a device of the node. */
__noinline int masquerade(struct __sk_buff *skb)
{
	struct work *work = work_area(skb);
	__u8 family = family_of(skb);
	__u32 ifindex = skb->ifindex;
	const struct masquerade_device *device;
	const struct tuple *tuple;
	enum sender sender;
	int step;

	if (!work)
		return DROP(DROP_WRITE_ERROR); /* unreachable: it is always there */
	tuple = &work->packet.tuple;
	device = bpf_map_lookup_elem(&masquerade_devices, &ifindex);
	if (!family || !device || !peek_addresses(skb, &work->packet.tuple, family))
		return STEP_NEXT;
	work->packet.tuple.family = family;
	sender = sender_of(tuple, family);
	if (sender == SENDER_OTHER || is_multicast(tuple, tuple->family))
		return STEP_NEXT;
	work->packet.owner = ENDPOINT_NUMBER_HOST;
	work->nat.incarnation = 0;
	if (sender == SENDER_POD) {
		if (range_of(&tuple->destination, family) & MASQUERADE_EXCLUDED)
			return STEP_NEXT;
		step = identify_pod(skb, work, family);
		if (step)
			return step;
	}
	step = parse_ip(skb, work, family);
	if (step)
		return sender == SENDER_POD ? step : STEP_NEXT;
	if (work->packet.is_icmp_error)
		return masquerade_error(skb);
	work->nat.own = *tuple;
	if (sender == SENDER_POD) {
		step = follow_pod(skb, work, device);
	} else {
		/* Later fragments have no ports, and the node's address stays. */
		if (work->packet.fragment == FRAGMENT_LATER || !can_masquerade(tuple))
			return STEP_NEXT;
		step = follow_own(skb, work);
	}
	if (step)
		return step < 0 ? step : STEP_NEXT;
	set_rewrite(work, &work->nat.own, &work->nat.mapped, true);
	return rewrite_packet(skb);
}

/* An ICMP error that comes in, about a packet as it left. */
static __always_inline int unmasquerade_error(struct __sk_buff *skb, struct work *work)
{
	const struct tuple *quoted = &work->quoted.tuple;
	struct nat_flow *nat = &work->nat;
	int step;

	if (read_quote(skb, work))
		return STEP_NEXT;
	if (!address_equal(&quoted->source, &work->packet.tuple.destination) ||
	    (is_icmp(quoted) && !is_echo_request(quoted)))
		return STEP_NEXT;
	nat->mapped = *quoted;
	if (!nat_follow_in(work, false) || !is_rewritten(nat))
		return STEP_NEXT;
	set_rewrite(work, &nat->mapped, &nat->own, true);
	step = rewrite_quoted(skb);
	if (step)
		return step; /* unreachable: but without memory */
	work->rewrite.source = false;
	work->rewrite.to_port = work->rewrite.from_port;
	return rewrite_packet(skb);
}

/* Whose places its fragments take (lib/fragment.h): the remote's, so that nobody's flood costs another his. */
static __always_inline __u32 remote_owner(const struct ip_address *remote)
{
	__u32 folded = remote->words[0] ^ remote->words[1] ^ remote->words[2] ^ remote->words[3];

	return folded | FRAGMENTS_OF_REMOTE;
}

/*
 * A packet that came in by a device of the node. Without a mapping it is the node's own, as is what cannot
 * be understood, and goes on untouched.
 */
__noinline int unmasquerade(struct __sk_buff *skb)
{
	struct work *work = work_area(skb);
	__u8 family = family_of(skb);
	struct packet *packet;
	struct nat_flow *nat;

	if (!work)
		return DROP(DROP_WRITE_ERROR); /* unreachable: it is always there */
	packet = &work->packet;
	nat = &work->nat;
	if (!family || !peek_addresses(skb, &packet->tuple, family) ||
	    !(range_of(&packet->tuple.destination, family) & MASQUERADE_NODE))
		return STEP_NEXT;
	packet->owner = remote_owner(&packet->tuple.source);
	if (parse_ip(skb, work, family))
		return STEP_NEXT;
	if (packet->is_icmp_error)
		return unmasquerade_error(skb, work);
	if (is_icmp(&packet->tuple) && !is_echo_reply(&packet->tuple))
		return STEP_NEXT;
	reverse(&packet->tuple, &nat->mapped);
	if (!nat_follow_in(work, true) || !is_rewritten(nat))
		return STEP_NEXT;
	if (packet->fragment == FRAGMENT_FIRST)
		remember_fragment(packet);
	set_rewrite(work, &nat->mapped, &nat->own, false);
	return rewrite_packet(skb);
}
