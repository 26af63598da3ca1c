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

#include "lib/bandwidth.h"
#include "lib/common.h"
#include "lib/config.h"
#include "lib/control.h"
#include "lib/deliver.h"
#include "lib/endpoint.h"
#include "lib/fast.h"
#include "lib/finish.h"
#include "lib/judge.h"
#include "lib/neighbour.h"
#include "lib/parse.h"
#include "lib/related.h"
#include "lib/reset.h"
#include "lib/track.h"

#undef SOURCE_FILE
#define SOURCE_FILE FILE_POD

/* Where an ICMP error goes that passes with its connection. */
static __always_inline void related_hop(struct work *work, const struct endpoint *sender)
{
	const struct tuple *tuple = &work->packet.tuple;
	struct endpoint *to = &work->local[END_DESTINATION];
	bool here = endpoint_read(to, &tuple->destination, tuple->family) == 1;

	set_hop(&work->hop, here ? to : NULL, sender);
}

/* On STEP_NEXT work->hop is where the packet goes. */
static __always_inline int from_pod_ip(struct __sk_buff *skb, struct work *work,
				       const struct interface *interface, __u8 family)
{
	const struct tuple *tuple = &work->packet.tuple;
	const struct ip_address *own = family == FAMILY_IPV4 ? &interface->ipv4 : &interface->ipv6;
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
		if (is_multicast(tuple, family) &&
		    (is_link_local(&tuple->source) || address_is_zero(&tuple->source))) {
			work->quiet = true; /* multicast listener reports and the like */
			return DROP(DROP_MULTICAST);
		}
	}
	if (address_is_zero(own) || !address_equal(&tuple->source, own))
		return DROP(DROP_INVALID_SOURCE_IP);
	if (is_multicast(tuple, family)) {
		work->quiet = true;
		return DROP(DROP_MULTICAST);
	}
	step = work->packet.fragment == FRAGMENT_FIRST ? remember_fragment(&work->packet) :
							 STEP_NEXT;
	if (step)
		return step;

	if (address_equal(&tuple->destination, own))
		return STEP_NEXT; /* policy is between pods; a pod always reaches itself */

	work->now = bpf_ktime_get_boot_ns();
	read_revision(work);
	if (work->packet.is_icmp_error) {
		step = related(skb);
		if (step < 0)
			return step;
		if (step) {
			related_hop(work, &interface->endpoint);
			return STEP_NEXT;
		}
	}
	return track(skb, work, true);
}

/* What passes counts for the bandwidth of the endpoint whose veth this is. */
static __always_inline int police(struct __sk_buff *skb, const struct interface *interface,
				  int step, __u32 direction)
{
	return !step && interface->endpoint.flags & ENDPOINT_BANDWIDTH ?
		       take_bandwidth(skb, direction) :
		       step;
}

static __always_inline int from_pod(struct __sk_buff *skb, struct work *work)
{
	const struct interface *interface = interface_by_index(skb->ifindex);
	const struct ethhdr *eth = (void *)(long)skb->data;
	int step;

	if (!interface)
		return DROP(DROP_UNKNOWN_SENDER);
	if ((void *)(eth + 1) > (void *)(long)skb->data_end)
		return DROP(DROP_INVALID_PACKET); /* unreachable: devices give whole headers */
	/* A tag would go on with what stands behind it. */
	if (skb->vlan_present)
		return DROP(DROP_VLAN_FILTERED);
	if (!mac_equal(eth->h_source, interface->endpoint.mac))
		return DROP(DROP_INVALID_SOURCE_MAC);

	work->hop.ifindex = 0;
	work->packet.owner = interface->endpoint.id;
	work->incarnation = interface->endpoint.incarnation;
	switch (eth->h_proto) {
	case bpf_htons(ETH_P_IP):
		step = from_pod_ip(skb, work, interface, FAMILY_IPV4);
		break;
	case bpf_htons(ETH_P_IPV6):
		step = from_pod_ip(skb, work, interface, FAMILY_IPV6);
		break;
	case bpf_htons(ETH_P_ARP):
		return answer_arp(skb, interface);
	default:
		return DROP(DROP_UNSUPPORTED_L3);
	}
	step = police(skb, interface, step, DIRECTION_EGRESS);
	if (step || !work->hop.ifindex)
		return step;
	return deliver(skb, &work->hop, work->packet.tuple.family);
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
	int step;

	step = family == FAMILY_IPV4 ? parse_ipv4(skb, &work->packet) :
				       parse_ipv6(skb, &work->packet);
	if (step)
		return step;
	if (family == FAMILY_IPV6 && tuple->protocol == IPPROTO_ICMPV6 && !skb->ingress_ifindex &&
	    tuple->icmp_type >= ND_ROUTER_SOLICITATION && tuple->icmp_type <= ND_REDIRECT)
		return STEP_NEXT; /* the node's own neighbour discovery */
	if (!address_equal(&tuple->destination, own)) {
		work->quiet = is_multicast(tuple, family);
		return work->quiet ? DROP(DROP_MULTICAST) : DROP(DROP_ENDPOINT_NOT_READY);
	}

	work->now = bpf_ktime_get_boot_ns();
	read_revision(work);
	step = check_source(skb, tuple);
	if (!step && work->packet.fragment == FRAGMENT_FIRST)
		step = remember_fragment(&work->packet);
	if (step)
		return step;
	if (address_equal(&tuple->source, own))
		return STEP_NEXT; /* the pod itself */
	if (work->packet.is_icmp_error) {
		step = related(skb);
		if (step)
			return step < 0 ? step : STEP_NEXT;
	}
	return track(skb, work, false);
}

static __always_inline int to_pod(struct __sk_buff *skb, struct work *work)
{
	const struct interface *interface = interface_by_index(skb->ifindex);
	int step;

	if (!interface)
		return DROP(DROP_ENDPOINT_NOT_READY);
	work->packet.owner = interface->endpoint.id;
	work->incarnation = interface->endpoint.incarnation;
	switch (skb->protocol) {
	case bpf_htons(ETH_P_IP):
		step = to_pod_ip(skb, work, interface, FAMILY_IPV4);
		break;
	case bpf_htons(ETH_P_IPV6):
		step = to_pod_ip(skb, work, interface, FAMILY_IPV6);
		break;
	case bpf_htons(ETH_P_ARP):
		return STEP_NEXT; /* from the node's stack, or our own answer on its way back */
	default:
		return DROP(DROP_UNSUPPORTED_L3);
	}
	return police(skb, interface, step, DIRECTION_INGRESS);
}

SEC("tc")
int pod_egress(struct __sk_buff *skb)
{
	struct work *work;
	int step;

	if (is_own_reset(skb)) {
		skb->mark = 0;
		return ACTION_NEXT;
	}
	step = forward_known(skb);
	if (step)
		return step;
	work = begin(skb, HOOK_POD_EGRESS);
	if (!work)
		return TC_ACT_SHOT; /* unreachable: it is always there */
	return answer_cut(skb, work, finish(skb, work, from_pod(skb, work)));
}

SEC("tc")
int pod_ingress(struct __sk_buff *skb)
{
	struct work *work = begin(skb, HOOK_POD_INGRESS);

	if (!work)
		return TC_ACT_SHOT; /* unreachable: it is always there */
	return answer_cut(skb, work, finish(skb, work, to_pod(skb, work)));
}

char _license[] SEC("license") = "Dual BSD/GPL";
