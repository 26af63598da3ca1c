/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Both ends of a connection before their policies, and where its packets go. */
#pragma once

#include "common.h"
#include "control.h"
#include "endpoint.h"
#include "ipcache.h"
#include "policy.h"
#include "proxy.h"

#undef SOURCE_FILE
#define SOURCE_FILE FILE_JUDGE

/*
 * Towards an endpoint of this node, past the stack; or up the stack (ifindex 0), where other NAT stands on the
 * path, or one of both ends has limited bandwidth. What somebody else than a pod of this node sends comes out of
 * the stack, past which it cannot go.
 */
static __noinline int set_hop(struct next_hop *hop, const struct endpoint *to,
			      const struct endpoint *from)
{
	__u32 flags;

	__builtin_memset(hop, 0, sizeof(*hop));
	if (!to)
		return STEP_NEXT;
	flags = to->flags | (from ? from->flags : 0);
	if (flags & (ENDPOINT_VIA_STACK | ENDPOINT_BANDWIDTH))
		return STEP_NEXT;
	hop->ifindex = to->ifindex;
	__builtin_memcpy(hop->destination_mac, to->mac, sizeof(hop->destination_mac));
	__builtin_memcpy(hop->source_mac, to->host_mac, sizeof(hop->source_mac));
	return STEP_NEXT;
}

static __noinline int set_end(struct event_end *end, const struct endpoint *endpoint,
			      const struct ip_address *address, __u8 family, __u32 parity)
{
	struct ipcache_entry known = ipcache_lookup(address, family);

	__builtin_memset(end, 0, sizeof(*end));
	end->address_class = known.address_class;
	end->identity = endpoint ? endpoint->identity[parity] : known.identity;
	end->endpoint = endpoint ? endpoint->id : 0;
	return STEP_NEXT;
}

/* Of two ends, the first to come; 0 is none. */
static __always_inline __u64 earlier(__u64 a, __u64 b)
{
	return !a || (b && b < a) ? b : a;
}

/* What the kernel's policy key calls the port. */
static __always_inline __be16 policy_port(const struct tuple *tuple)
{
	if (tuple->protocol == IPPROTO_ICMP || tuple->protocol == IPPROTO_ICMPV6)
		return bpf_htons(tuple->icmp_type);
	return tuple->destination_port;
}

static __noinline int keep_end(struct conntrack_end *kept, const struct event_end *end,
			       const struct policy_answer *answer, __u32 peer_identity,
			       const struct endpoint *endpoint)
{
	for (int i = 0; i < LOOKUPS; i++)
		kept->rules[i] = end->rules[i];
	kept->incarnation = endpoint ? endpoint->incarnation : 0;
	kept->peer_identity = peer_identity;
	kept->limit = answer->limit;
	kept->endpoint = end->endpoint;
	kept->verdict = end->verdict;
	kept->match = end->match;
	kept->plain = !!(answer->flags & POLICY_PLAIN);
	kept->pad = 0;
	return STEP_NEXT;
}

/*
 * RFC 1122 section 3.2.1.3: never on a wire. With `route_localnet`, which kube-proxy sets, the node's
 * stack would take it for what listens there only. Of IPv6 it never does.
 */
static __always_inline bool is_loopback(const struct ip_address *address, __u8 family)
{
	return family == FAMILY_IPV4 && address->bytes[0] == 127;
}

/*
 * The node's own devices do not lead to the proxy, nor do the links of chained pods, on which a packet may go
 * to its destination past the node's stack.
 */
static __always_inline bool can_redirect(const struct work *work, const struct endpoint *source,
					 const struct endpoint *destination)
{
	__u32 flags = (source ? source->flags : 0) | (destination ? destination->flags : 0);

	if (flags & ENDPOINT_CHAINED)
		return false;
	return work->hook == HOOK_POD_EGRESS || work->hook == HOOK_POD_INGRESS || work->from_proxy;
}

/*
 * Judges work->original by the egress policy of its source and the ingress policy
 * of its destination, as far as they live on this node. Fills work->end, and ends,
 * hops and revision of work->entry, whose flags are there already.
 *
 * The node reaches its own pods whatever their policy says (kubelet's probes come from
 * there), unless its own forbids it; not so whoever is behind a NAT that gives out the node's address. Returns STEP_NEXT when both ends allow it, else a drop.
 */
__noinline int judge(struct __sk_buff *skb)
{
	struct work *work = work_area(skb);
	const struct endpoint *source, *destination;
	struct policy_answer *answer;
	struct policy_query *query;
	struct event_end *from, *to;
	const struct tuple *tuple;
	__u32 parity;
	int here, there, step;

	if (!work)
		return DROP(DROP_WRITE_ERROR); /* unreachable: it is always there */
	tuple = &work->original;
	from = &work->end[END_SOURCE];
	to = &work->end[END_DESTINATION];
	query = &work->query;
	answer = work->answer;
	__builtin_memset(answer, 0, sizeof(work->answer));
	here = endpoint_read(&work->local[END_SOURCE], &tuple->source, tuple->family);
	there = endpoint_read(&work->local[END_DESTINATION], &tuple->destination, tuple->family);
	if (here < 0 || there < 0)
		return DROP(DROP_ENDPOINT_NOT_READY);
	/* Without the record of the pod whose interface this is, nobody would ask its policy. */
	if (work->incarnation &&
	    !(here && work->local[END_SOURCE].incarnation == work->incarnation) &&
	    !(there && work->local[END_DESTINATION].incarnation == work->incarnation))
		return DROP(DROP_ENDPOINT_NOT_READY);
	if (is_loopback(&tuple->destination, tuple->family))
		return DROP(DROP_UNROUTABLE);
	source = here && !(work->entry.flags & CONNECTION_FORWARDED) ? &work->local[END_SOURCE] :
								       NULL;
	destination = there ? &work->local[END_DESTINATION] : NULL;
	parity = work->generation & 1;
	query->protocol = tuple->protocol;
	query->port = policy_port(tuple);
	query->now = work->now;
	set_end(from, source, &tuple->source, tuple->family, parity);
	set_end(to, destination, &tuple->destination, tuple->family, parity);
	work->judged = true;

	if (source && from->identity == IDENTITY_HOST && to->identity == IDENTITY_HOST) {
		from->verdict = VERDICT_ALLOW; /* the node to itself: a broadcast */
	} else if (source) {
		query->slot = source->policy[parity];
		query->identity = to->identity;
		query->address_class = to->address_class;
		query->direction = DIRECTION_EGRESS;
		step = policy_judge(query, from, &answer[END_SOURCE]);
		if (step)
			return step;
	}
	if (destination && from->identity == IDENTITY_HOST &&
	    !(work->entry.flags & CONNECTION_FORWARDED)) {
		to->verdict = VERDICT_ALLOW;
	} else if (destination) {
		query->slot = destination->policy[parity];
		query->identity = from->identity;
		query->address_class = from->address_class;
		query->direction = DIRECTION_INGRESS;
		step = policy_judge(query, to, &answer[END_DESTINATION]);
		if (step)
			return step;
	}
	work->failsafe = answer[END_DESTINATION].precedence >= POLICY_FAILSAFE;
	work->redirected = false;
	work->fails_open = true;
	for (int i = 0; i < ENDS; i++) {
		const struct event_end *end = &work->end[i];

		if (end->verdict == VERDICT_REDIRECT) {
			work->redirected = true;
			if (!(answer[i].flags & (POLICY_PLAIN | POLICY_FAIL_OPEN)))
				work->fails_open = false;
		}
		if (end->verdict == VERDICT_DENY)
			return end->rules[0] | end->rules[1] | end->rules[2] ?
				       DROP(DROP_POLICY_DENIED_BY_RULE) :
				       DROP(DROP_POLICY_DENIED);
	}

	if (work->redirected && !can_redirect(work, source, destination))
		return DROP(DROP_PROXY_LOOKUP_FAILED);

	keep_end(&work->entry.end[END_SOURCE], from, &answer[END_SOURCE], to->identity, source);
	keep_end(&work->entry.end[END_DESTINATION], to, &answer[END_DESTINATION], from->identity,
		 destination);
	work->entry.not_after =
		earlier(answer[END_SOURCE].not_after, answer[END_DESTINATION].not_after);
	if (work->entry.flags & CONNECTION_VIA_STACK) {
		__builtin_memset(work->entry.hop, 0, sizeof(work->entry.hop));
	} else {
		set_hop(&work->entry.hop[END_DESTINATION], destination, source);
		set_hop(&work->entry.hop[END_SOURCE], source, destination);
	}
	work->entry.revision = work->revision;
	return STEP_NEXT;
}
