/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The end of every program: what became of the packet is counted and told. */
#pragma once

#include <linux/pkt_cls.h>

#include "capture.h"
#include "common.h"
#include "events.h"
#include "hits.h"
#include "trace.h"

/*
 * tcx (since Linux 6.6) calls -1 "next", clsact calls it "unspec": both go on with
 * the programs behind ours.
 */
enum { ACTION_NEXT = TC_ACT_UNSPEC };

/* Counts, tells, and turns the last step into a tc action. */
static __always_inline int finish(struct __sk_buff *skb, struct work *work, int step)
{
	if (work->judged && (step < 0 || work->report))
		count_hits(work, skb->len);
	if (step < 0) {
		count_drop(work->hook, DROP_REASON_OF(step), DROP_FILE_OF(step), DROP_LINE_OF(step),
			   skb->len);
		if (!work->quiet) {
			emit(skb, work, step, NULL);
			capture(skb, step);
		}
		return TC_ACT_SHOT;
	}
	count_forwarded(work->hook, skb->len);
	if (work->report)
		emit(skb, work, 0, NULL);
	else if (work->trace)
		trace(skb);
	return step == STEP_NEXT ? ACTION_NEXT : step;
}
