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

#include "lib/common.h"
#include "lib/fast.h"
#include "lib/finish.h"
#include "lib/map-types.h"
#include "lib/pod.h"
#include "lib/reset.h"

SEC("tc")
int pod_egress(struct __sk_buff *skb)
{
	struct work *work;
	int step;

	if (is_own_reset(skb)) {
		skb->mark = 0;
		return ACTION_NEXT;
	}
	step = is_marked_to_proxy(skb) ? STEP_NEXT : forward_known(skb);
	if (step)
		return step;
	work = begin(skb, HOOK_POD_EGRESS);
	if (!work)
		return TC_ACT_SHOT; /* unreachable: it is always there */
	if (is_marked_to_proxy(skb)) {
		step = take_back(skb);
		return step ? answer_cut(skb, work, finish(skb, work, step)) : ACTION_NEXT;
	}
	return answer_cut(skb, work, finish(skb, work, from_pod(skb, work, false)));
}

SEC("tc")
int pod_ingress(struct __sk_buff *skb)
{
	struct work *work = begin(skb, HOOK_POD_INGRESS);

	if (!work)
		return TC_ACT_SHOT; /* unreachable: it is always there */
	return answer_cut(skb, work, finish(skb, work, to_pod(skb, work, false)));
}

char _license[] SEC("license") = "Dual BSD/GPL";
