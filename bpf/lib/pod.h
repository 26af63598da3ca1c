/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What a pod sends and what it is sent, at the host side of its veth: who it is, whether it says so truly, and
 * what policy says. `chained`, known when the program is compiled, is whether the veth is another CNI plugin's: see segment.h.
 */
#pragma once

#include <linux/pkt_cls.h>

#include "bandwidth.h"
#include "common.h"
#include "deliver.h"
#include "endpoint.h"
#include "judge.h"
#include "neighbour.h"
#include "parse.h"
#include "proxy.h"
#include "related.h"
#include "segment.h"
#include "track.h"

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
				       const struct interface *interface, __u8 family, bool chained)
{
	const struct tuple *tuple = &work->packet.tuple;
	const struct ip_address *own = family == FAMILY_IPV4 ? &interface->ipv4 : &interface->ipv6;
	int step;

	step = family == FAMILY_IPV4 ? parse_ipv4(skb, &work->packet) :
				       parse_ipv6(skb, &work->packet);
	if (step)
		return step;
	if (family == FAMILY_IPV6 && chained) {
		if (is_nd(tuple))
			return pass_nd_of_pod(skb, work, interface);
		if (is_own_mld_report(skb, work))
			return STEP_NEXT;
	} else if (family == FAMILY_IPV6) {
		bool handled;

		step = answer_nd(skb, work, interface, &handled);
		if (step || handled)
			return step;
	}
	if (family == FAMILY_IPV6) {
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
		if (step && work->to_proxy) {
			skb->mark = MARK_TO_PROXY;
			return STEP_NEXT;
		}
		if (step) {
			related_hop(work, &interface->endpoint);
			return STEP_NEXT;
		}
	}
	step = track(skb, work, true);
	return step || !work->to_proxy ? step : hand_to_proxy(skb);
}

/* What passes counts for the bandwidth of the endpoint whose veth this is. */
static __always_inline int police(struct __sk_buff *skb, const struct interface *interface,
				  int step, __u32 direction)
{
	return !step && interface->endpoint.flags & ENDPOINT_BANDWIDTH ?
		       take_bandwidth(skb, direction) :
		       step;
}

static __always_inline int from_pod(struct __sk_buff *skb, struct work *work, bool chained)
{
	const struct interface *interface = interface_by_index(skb->ifindex);
	const struct ethhdr *eth = (void *)(long)skb->data;
	__u8 family;
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
		family = FAMILY_IPV4;
		break;
	case bpf_htons(ETH_P_IPV6):
		family = FAMILY_IPV6;
		break;
	case bpf_htons(ETH_P_ARP):
		return chained ? pass_arp_of_pod(skb, interface) : answer_arp(skb, interface);
	default:
		return DROP(DROP_UNSUPPORTED_L3);
	}
	step = from_pod_ip(skb, work, interface, family, chained);
	step = police(skb, interface, step, DIRECTION_EGRESS);
	if (step || chained || !work->hop.ifindex)
		return step;
	return deliver(skb, &work->hop, work->packet.tuple.family);
}

static __always_inline int to_pod_ip(struct __sk_buff *skb, struct work *work,
				     const struct interface *interface, __u8 family, bool chained)
{
	const struct tuple *tuple = &work->packet.tuple;
	const struct ip_address *own = family == FAMILY_IPV4 ? &interface->ipv4 : &interface->ipv6;
	int step;

	step = family == FAMILY_IPV4 ? parse_ipv4(skb, &work->packet) :
				       parse_ipv6(skb, &work->packet);
	if (step)
		return step;
	if (family == FAMILY_IPV6 && !skb->ingress_ifindex && is_nd(tuple))
		return STEP_NEXT; /* the node's own neighbour discovery */
	if (family == FAMILY_IPV6 && chained) {
		if (is_nd(tuple))
			return pass_nd_to_pod(skb, work, interface);
		if (is_mld_query(tuple))
			return STEP_NEXT;
	}
	if (!address_equal(&tuple->destination, own)) {
		work->quiet = is_multicast(tuple, family);
		return work->quiet ? DROP(DROP_MULTICAST) : DROP(DROP_ENDPOINT_NOT_READY);
	}

	work->now = bpf_ktime_get_boot_ns();
	read_revision(work);
	step = check_source(skb, work);
	if (!step && work->packet.fragment == FRAGMENT_FIRST)
		step = remember_fragment(&work->packet);
	if (step)
		return step;
	if (address_equal(&tuple->source, own))
		return STEP_NEXT; /* the pod itself */
	if (work->packet.is_icmp_error) {
		step = related(skb);
		if (step < 0)
			return step;
		if (step)
			return work->to_proxy ?
				       turn_back(skb, &interface->endpoint, MARK_TO_PROXY) :
				       STEP_NEXT;
	}
	step = track(skb, work, false);
	return step || !work->to_proxy ? step : return_to_proxy(skb, &interface->endpoint);
}

static __always_inline int to_pod(struct __sk_buff *skb, struct work *work, bool chained)
{
	const struct interface *interface = interface_by_index(skb->ifindex);
	__u8 family;
	int step;

	if (!interface)
		return DROP(DROP_ENDPOINT_NOT_READY);
	if (chained && is_for_another(skb, interface->endpoint.mac))
		return TC_ACT_SHOT;
	work->packet.owner = interface->endpoint.id;
	work->incarnation = interface->endpoint.incarnation;
	work->place = CONNECTION_VIA_STACK;
	work->from_proxy = proxy_mark(skb);
	/* What answers for the server has not begun the connection. */
	work->answers = work->from_proxy == MARK_PROXY_TO_CLIENT;
	switch (skb->protocol) {
	case bpf_htons(ETH_P_IP):
		family = FAMILY_IPV4;
		break;
	case bpf_htons(ETH_P_IPV6):
		family = FAMILY_IPV6;
		break;
	case bpf_htons(ETH_P_ARP):
		if (chained)
			return pass_arp_to_pod(skb, interface);
		return STEP_NEXT; /* from the node's stack, or our own answer on its way back */
	default:
		return DROP(DROP_UNSUPPORTED_L3);
	}
	step = to_pod_ip(skb, work, interface, family, chained);
	return police(skb, interface, step, DIRECTION_INGRESS);
}
