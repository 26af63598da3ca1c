// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * The host side of a veth that another CNI plugin made, for pods that this one only guards.
 *
 *   chained_egress   tc ingress: packets that leave the pod, before a bridge or the stack has them
 *   chained_ingress  tc egress:  packets that a bridge or the stack sends to the pod
 *
 * Judged like any pod's; what passes goes on by the way that it would have gone without us.
 */
#include <linux/pkt_cls.h>

#include "lib/common.h"
#include "lib/finish.h"
#include "lib/pod.h"
#include "lib/reset.h"

SEC("tc")
int chained_egress(struct __sk_buff *skb)
{
	struct work *work;

	if (is_own_reset(skb)) {
		skb->mark = 0;
		return ACTION_NEXT;
	}
	work = begin(skb, HOOK_POD_EGRESS);
	if (!work)
		return TC_ACT_SHOT; /* unreachable: it is always there */
	return answer_cut(skb, work, finish(skb, work, from_pod(skb, work, true)));
}

SEC("tc")
int chained_ingress(struct __sk_buff *skb)
{
	struct work *work = begin(skb, HOOK_POD_INGRESS);

	if (!work)
		return TC_ACT_SHOT; /* unreachable: it is always there */
	return answer_cut(skb, work, finish(skb, work, to_pod(skb, work, true)));
}

char _license[] SEC("license") = "Dual BSD/GPL";
