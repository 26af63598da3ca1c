// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * The host side of a pod's veth. One load serves all pods of a node.
 *
 *   pod_egress   tc ingress: packets that leave the pod
 *   pod_ingress  tc egress:  packets that the host's stack sends to the pod
 *
 * Pod to pod on one node: pod_egress judges both ends and puts the packet straight
 * into the receiver's namespace; pod_ingress does not see it.
 */
#include <linux/pkt_cls.h>

#include "lib/budget.h"
#include "lib/common.h"
#include "lib/config.h"
#include "lib/conntrack.h"
#include "lib/control.h"
#include "lib/deliver.h"
#include "lib/endpoint.h"
#include "lib/events.h"
#include "lib/hits.h"
#include "lib/judge.h"
#include "lib/limit.h"
#include "lib/neighbour.h"
#include "lib/parse.h"

#undef SOURCE_FILE
#define SOURCE_FILE FILE_POD

/*
 * tcx (since Linux 6.6) calls -1 "next", clsact calls it "unspec": both go on with
 * the programs behind ours.
 */
enum { ACTION_NEXT = TC_ACT_UNSPEC };

static __always_inline void reverse(const struct tuple *tuple, struct tuple *reversed)
{
	*reversed = *tuple;
	reversed->source = tuple->destination;
	reversed->destination = tuple->source;
	reversed->source_port = tuple->destination_port;
	reversed->destination_port = tuple->source_port;
}

/* Did the judgement find other rules or verdicts than the entry keeps? */
static __always_inline bool end_differs(const struct conntrack_end *kept,
					const struct event_end *end)
{
	return kept->verdict != end->verdict || kept->rules[0] != end->rules[0] ||
	       kept->rules[1] != end->rules[1] || kept->rules[2] != end->rules[2];
}

/* A connection's first packet: judge it, and remember what was said. */
__noinline int open_connection(struct __sk_buff *skb)
{
	struct work *work = work_area(skb);
	struct conntrack_entry *entry;
	int step;

	if (!work)
		return DROP(DROP_WRITE_ERROR);
	entry = &work->entry;
	work->is_reply = false;
	work->original = work->packet.tuple;
	entry->flags = source_is_high(&work->original) ? CONNECTION_SOURCE_IS_HIGH : 0;
	if (work->hook == HOOK_POD_INGRESS)
		entry->flags |= CONNECTION_VIA_STACK;
	step = judge(skb);
	if (step)
		return step;
	step = take_budget(&work->original, work->now);
	if (step)
		return step;
	step = take_limits(entry, work->now);
	if (step)
		return step;
	work->report = true;
	entry->created = work->now;
	entry->expires = 0;
	for (int i = 0; i < ENDS; i++) {
		entry->packets[i] = 0;
		entry->bytes[i] = 0;
		entry->tcp_flags[i] = 0;
	}
	__builtin_memset(entry->pad, 0, sizeof(entry->pad));
	return STEP_NEXT;
}

/*
 * The entry's verdicts were found under another revision: judge the connection's
 * original direction again, also for a reply. The entry is left as it is when the
 * answer is no; it gets no new time and ends by itself.
 */
__noinline int judge_again(struct __sk_buff *skb)
{
	struct work *work = work_area(skb);
	const struct conntrack_entry *entry;
	__u8 icmp_type;
	int step;

	if (!work)
		return DROP(DROP_WRITE_ERROR);
	entry = conntrack_find(&work->packet.tuple);
	if (!entry)
		return open_connection(skb); /* evicted meanwhile */
	icmp_type = work->packet.tuple.icmp_type;
	work->entry = *entry;
	if (work->is_reply) {
		reverse(&work->packet.tuple, &work->original);
		/* The request's type is what policy speaks of, not the reply's. */
		if (work->original.protocol == IPPROTO_ICMP && icmp_type == ICMP_ECHOREPLY)
			work->original.icmp_type = ICMP_ECHO;
		if (work->original.protocol == IPPROTO_ICMPV6 && icmp_type == ICMPV6_ECHO_REPLY)
			work->original.icmp_type = ICMPV6_ECHO_REQUEST;
	} else {
		work->original = work->packet.tuple;
	}
	/* Another pod on the old address inherits nothing: this is a connection of its own. */
	if (incarnation_at(&work->original.source, work->original.family) !=
		    entry->end[END_SOURCE].incarnation ||
	    incarnation_at(&work->original.destination, work->original.family) !=
		    entry->end[END_DESTINATION].incarnation)
		return open_connection(skb);
	step = judge(skb);
	if (step)
		return step;
	if (limits_differ(entry, &work->entry)) {
		release_limits(entry);
		step = take_limits(&work->entry, work->now);
		if (step)
			return step;
	}
	work->report = end_differs(&entry->end[END_SOURCE], &work->end[END_SOURCE]) ||
		       end_differs(&entry->end[END_DESTINATION], &work->end[END_DESTINATION]);
	return STEP_NEXT;
}

/*
 * Finds or opens the packet's connection. `incarnation` is that of the endpoint whose
 * veth this is, which is the sender (from_pod) or the receiver.
 *
 * On STEP_NEXT *hop is where the packet goes.
 */
static __always_inline int track(struct __sk_buff *skb, struct work *work, __u32 incarnation,
				 bool from_pod, struct next_hop *hop)
{
	struct packet *packet = &work->packet;
	struct conntrack_entry *entry;
	bool fresh = false;
	__u32 from;
	int step;

	entry = conntrack_find(&packet->tuple);
	if (entry) {
		__u32 own;

		work->is_reply = is_reply(entry, &packet->tuple);
		own = work->is_reply == from_pod ? END_DESTINATION : END_SOURCE;
		if (conntrack_is_over(entry, packet, work->now, work->is_reply) ||
		    entry->end[own].incarnation != incarnation)
			entry = NULL;
	}
	if (!entry) {
		step = open_connection(skb);
		fresh = true;
	} else if (entry->revision != work->revision ||
		   (entry->not_after && work->now >= entry->not_after)) {
		step = judge_again(skb);
		fresh = true;
	} else {
		step = STEP_NEXT;
	}
	if (step)
		return step;

	from = work->is_reply & 1; /* END_DESTINATION sends replies */
	if (fresh)
		entry = &work->entry;
	if (work->is_reply && !(entry->flags & CONNECTION_SEEN_REPLY)) {
		reverse(&packet->tuple, &work->original);
		give_back_budget(&work->original);
	}
	/* What a pod sends up the stack to another pod here is counted where it left. */
	if (fresh || from_pod || !entry->end[from].incarnation)
		conntrack_count(entry, packet, from, work->now, skb->len);
	if (is_closed(entry) && !(entry->flags & CONNECTION_RELEASED)) {
		release_limits(entry);
		entry->flags |= CONNECTION_RELEASED;
	}
	*hop = entry->hop[from == END_SOURCE ? END_DESTINATION : END_SOURCE];
	return fresh ? conntrack_store(&packet->tuple, entry) : STEP_NEXT;
}

/* At least 8 bytes of the transport header are quoted (RFC 792): its ports, or an echo's identifier. */
static __always_inline int read_quoted_ports(struct __sk_buff *skb, struct packet *quoted)
{
	struct tuple *tuple = &quoted->tuple;
	struct icmp_start start;

	if (bpf_skb_load_bytes(skb, quoted->l4_offset, &start, sizeof(start)))
		return DROP(DROP_INVALID_PACKET);
	if (tuple->protocol == IPPROTO_ICMP || tuple->protocol == IPPROTO_ICMPV6) {
		tuple->source_port = start.identifier;
		tuple->destination_port = start.identifier;
	} else {
		struct ports ports;

		__builtin_memcpy(&ports, &start, sizeof(ports));
		tuple->source_port = ports.source;
		tuple->destination_port = ports.destination;
	}
	return STEP_NEXT;
}

/*
 * ICMP errors (RFC 792, RFC 4443) speak of a packet that they quote. One that quotes a
 * packet of a connection that is allowed passes with it, to the quoted sender only.
 */
__noinline int related(struct __sk_buff *skb)
{
	struct work *work = work_area(skb);
	struct packet *packet, *quoted;
	struct conntrack_entry *entry;
	struct tuple own;
	__u32 offset;
	int step;

	if (!work)
		return DROP(DROP_WRITE_ERROR);
	packet = &work->packet;
	quoted = &work->quoted;
	offset = packet->l4_offset + 8;
	if (packet->tuple.family == FAMILY_IPV4) {
		struct iphdr ip;
		__u32 size = 0;

		if (bpf_skb_load_bytes(skb, offset, &ip, sizeof(ip)))
			return DROP(DROP_INVALID_PACKET);
		step = read_ipv4(&ip, quoted, &size);
		quoted->l4_offset = offset + size;
	} else {
		struct ipv6hdr ip;

		if (bpf_skb_load_bytes(skb, offset, &ip, sizeof(ip)))
			return DROP(DROP_INVALID_PACKET);
		read_ipv6_addresses(&ip, &quoted->tuple);
		quoted->tuple.protocol = ip.nexthdr;
		quoted->l4_offset = offset + sizeof(ip);
		step = skip_extensions(skb, quoted);
	}
	if (step)
		return step;
	/* Without ports nobody knows which connection is meant. */
	if (quoted->fragment == FRAGMENT_LATER)
		return STEP_NEXT;
	if (!address_equal(&quoted->tuple.source, &packet->tuple.destination))
		return STEP_NEXT;
	/* A pod complains only about what was sent to itself. */
	if (work->hook == HOOK_POD_EGRESS &&
	    !address_equal(&quoted->tuple.destination, &packet->tuple.source))
		return STEP_NEXT;
	step = read_quoted_ports(skb, quoted);
	if (step)
		return step;

	entry = conntrack_find(&quoted->tuple);
	if (!entry || work->now > entry->expires)
		return STEP_NEXT;
	/* The revision of the quoted addresses, not of a router's on the way. */
	own = packet->tuple;
	packet->tuple = quoted->tuple;
	read_revision(work);
	work->is_reply = is_reply(entry, &quoted->tuple);
	step = entry->revision != work->revision ||
			       (entry->not_after && work->now >= entry->not_after) ?
		       judge_again(skb) :
		       STEP_NEXT;
	packet->tuple = own;
	work->is_reply = !work->is_reply; /* the error goes the other way than what it quotes */
	work->report = false;
	if (step)
		return step;
	return 1; /* related: passes */
}

/* Where an ICMP error goes that passes with its connection. */
static __always_inline void related_hop(struct work *work, const struct endpoint *sender,
					struct next_hop *hop)
{
	const struct tuple *tuple = &work->packet.tuple;
	struct endpoint *to = &work->local[END_DESTINATION];
	bool here = endpoint_read(to, &tuple->destination, tuple->family) == 1;

	set_hop(hop, here ? to : NULL, sender);
}

static __always_inline int from_pod_ip(struct __sk_buff *skb, struct work *work,
				       const struct interface *interface, __u8 family)
{
	const struct tuple *tuple = &work->packet.tuple;
	const struct ip_address *own = family == FAMILY_IPV4 ? &interface->ipv4 : &interface->ipv6;
	struct next_hop hop;
	int step;

	step = family == FAMILY_IPV4 ? parse_ipv4(skb, &work->packet) :
				       parse_ipv6(skb, &work->packet);
	if (step)
		return step;
	if (family == FAMILY_IPV6) {
		bool handled;

		step = answer_nd(skb, work, interface, &handled);
		if (step || handled)
			return step;
		if (is_multicast(tuple) &&
		    (is_link_local(&tuple->source) || address_is_zero(&tuple->source))) {
			work->quiet = true; /* multicast listener reports and the like */
			return DROP(DROP_MULTICAST);
		}
	}
	if (address_is_zero(own) || !address_equal(&tuple->source, own))
		return DROP(DROP_INVALID_SOURCE_IP);
	if (is_multicast(tuple)) {
		work->quiet = true;
		return DROP(DROP_MULTICAST);
	}

	work->now = bpf_ktime_get_boot_ns();
	read_revision(work);
	if (work->packet.is_icmp_error) {
		step = related(skb);
		if (step < 0)
			return step;
		if (step) {
			related_hop(work, &interface->endpoint, &hop);
			return hop.ifindex ? deliver(skb, &hop, family) : STEP_NEXT;
		}
	}
	step = track(skb, work, interface->endpoint.incarnation, true, &hop);
	if (step)
		return step;
	return hop.ifindex ? deliver(skb, &hop, family) : STEP_NEXT;
}

static __always_inline int from_pod(struct __sk_buff *skb, struct work *work)
{
	const struct interface *interface = interface_by_index(skb->ifindex);
	const struct ethhdr *eth = (void *)(long)skb->data;

	if (!interface)
		return DROP(DROP_UNKNOWN_SENDER);
	if ((void *)(eth + 1) > (void *)(long)skb->data_end)
		return DROP(DROP_INVALID_PACKET);
	if (!mac_equal(eth->h_source, interface->endpoint.mac))
		return DROP(DROP_INVALID_SOURCE_MAC);

	switch (eth->h_proto) {
	case bpf_htons(ETH_P_IP):
		return from_pod_ip(skb, work, interface, FAMILY_IPV4);
	case bpf_htons(ETH_P_IPV6):
		return from_pod_ip(skb, work, interface, FAMILY_IPV6);
	case bpf_htons(ETH_P_ARP):
		return answer_arp(skb, interface);
	default:
		return DROP(DROP_UNSUPPORTED_L3);
	}
}

/*
 * Is the sender who the source address says? The node's own addresses are believed
 * only of packets that its stack made, a pod's only of packets from its veth.
 */
static __always_inline int check_source(struct __sk_buff *skb, const struct tuple *tuple)
{
	const struct endpoint *sender = endpoint_by_address(&tuple->source, tuple->family);

	if (sender)
		return sender->ifindex == skb->ingress_ifindex ? STEP_NEXT :
								 DROP(DROP_INVALID_SOURCE_IP);
	if (skb->ingress_ifindex &&
	    ipcache_lookup(&tuple->source, tuple->family).identity == IDENTITY_HOST)
		return DROP(DROP_INVALID_SOURCE_IP);
	return STEP_NEXT;
}

static __always_inline int to_pod_ip(struct __sk_buff *skb, struct work *work,
				     const struct interface *interface, __u8 family)
{
	const struct tuple *tuple = &work->packet.tuple;
	const struct ip_address *own = family == FAMILY_IPV4 ? &interface->ipv4 : &interface->ipv6;
	struct next_hop hop;
	int step;

	step = family == FAMILY_IPV4 ? parse_ipv4(skb, &work->packet) :
				       parse_ipv6(skb, &work->packet);
	if (step)
		return step;
	if (family == FAMILY_IPV6 && tuple->protocol == IPPROTO_ICMPV6 && !skb->ingress_ifindex &&
	    tuple->icmp_type >= ND_ROUTER_SOLICITATION && tuple->icmp_type <= ND_REDIRECT)
		return STEP_NEXT; /* the node's own neighbour discovery */
	if (!address_equal(&tuple->destination, own)) {
		work->quiet = is_multicast(tuple);
		return work->quiet ? DROP(DROP_MULTICAST) : DROP(DROP_ENDPOINT_NOT_READY);
	}

	work->now = bpf_ktime_get_boot_ns();
	read_revision(work);
	step = check_source(skb, tuple);
	if (step)
		return step;
	if (work->packet.is_icmp_error) {
		step = related(skb);
		if (step)
			return step < 0 ? step : STEP_NEXT;
	}
	return track(skb, work, interface->endpoint.incarnation, false, &hop);
}

static __always_inline int to_pod(struct __sk_buff *skb, struct work *work)
{
	const struct interface *interface = interface_by_index(skb->ifindex);

	if (!interface)
		return DROP(DROP_ENDPOINT_NOT_READY);
	switch (skb->protocol) {
	case bpf_htons(ETH_P_IP):
		return to_pod_ip(skb, work, interface, FAMILY_IPV4);
	case bpf_htons(ETH_P_IPV6):
		return to_pod_ip(skb, work, interface, FAMILY_IPV6);
	case bpf_htons(ETH_P_ARP):
		return STEP_NEXT; /* from the node's stack, or our own answer on its way back */
	default:
		return DROP(DROP_UNSUPPORTED_L3);
	}
}

/* Counts, tells, and turns the last step into a tc action. */
static __always_inline int finish(struct __sk_buff *skb, struct work *work, int step)
{
	if (work->judged && (step < 0 || work->report))
		count_hits(work, skb->len);
	if (step < 0) {
		count_drop(work->hook, DROP_REASON_OF(step), DROP_FILE_OF(step), DROP_LINE_OF(step),
			   skb->len);
		if (!work->quiet)
			emit(skb, work, step);
		return TC_ACT_SHOT;
	}
	count_forwarded(work->hook, skb->len);
	if (work->report)
		emit(skb, work, 0);
	return step == STEP_NEXT ? ACTION_NEXT : step;
}

SEC("tc")
int pod_egress(struct __sk_buff *skb)
{
	struct work *work = begin(skb, HOOK_POD_EGRESS);

	if (!work)
		return TC_ACT_SHOT;
	__builtin_memset(&work->packet.tuple, 0, sizeof(work->packet.tuple));
	return finish(skb, work, from_pod(skb, work));
}

SEC("tc")
int pod_ingress(struct __sk_buff *skb)
{
	struct work *work = begin(skb, HOOK_POD_INGRESS);

	if (!work)
		return TC_ACT_SHOT;
	__builtin_memset(&work->packet.tuple, 0, sizeof(work->packet.tuple));
	return finish(skb, work, to_pod(skb, work));
}

char _license[] SEC("license") = "Dual BSD/GPL";
