// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * The node's own devices, by which it reaches other nodes and the world.
 *
 *   from_netdev  tc ingress: packets that come in
 *   to_netdev    tc egress:  packets that leave, the node's own and those of pods
 */
#include "lib/common.h"
#include "lib/control.h"
#include "lib/finish.h"
#include "lib/host.h"
#include "lib/masquerade.h"
#include "lib/prefilter.h"

static __always_inline int from_network(struct __sk_buff *skb, struct work *work)
{
	int step = STEP_NEXT;

	if (control_word(CONTROL_PREFILTER))
		step = check_prefilter((void *)(long)skb->data, (void *)(long)skb->data_end);
	if (!step && config.masquerade)
		step = unmasquerade(skb);
	if (!step && is_ip(skb) && is_proxy_there()) {
		step = to_proxied(skb);
		if (step || work->to_proxy)
			return step;
	}
	return step ? step : judge_own(skb, work, false);
}

/* The node's policy speaks of its own addresses and ports: before they change. */
static __always_inline int to_network(struct __sk_buff *skb, struct work *work)
{
	int step;

	work->from_proxy = proxy_mark(skb);
	step = work->from_proxy && is_ip(skb) ? track_proxy(skb) : judge_own(skb, work, true);
	return step || !config.masquerade ? step : masquerade(skb);
}

SEC("tc")
int from_netdev(struct __sk_buff *skb)
{
	struct work *work = begin(skb, HOOK_NETDEV_INGRESS);

	if (!work)
		return TC_ACT_SHOT; /* unreachable: it is always there */
	return finish(skb, work, from_network(skb, work));
}

SEC("tc")
int to_netdev(struct __sk_buff *skb)
{
	struct work *work = begin(skb, HOOK_NETDEV_EGRESS);

	if (!work)
		return TC_ACT_SHOT; /* unreachable: it is always there */
	return finish(skb, work, to_network(skb, work));
}

char _license[] SEC("license") = "Dual BSD/GPL";
