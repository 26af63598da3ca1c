/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What user space hears of a connection after its first packet. */
#pragma once

#include "common.h"
#include "conntrack.h"
#include "events.h"

/* Of the connection of the packet in the work area, which has passed. */
__noinline int trace(struct __sk_buff *skb)
{
	struct work *work = work_area(skb);
	const struct conntrack_entry *entry;

	if (!work)
		return STEP_NEXT;
	entry = conntrack_find(&work->packet.tuple);
	if (!entry)
		return STEP_NEXT; /* evicted meanwhile */
	for (int i = 0; i < ENDS; i++) {
		const struct conntrack_end *kept = &entry->end[i];
		struct event_end *end = &work->end[i];

		end->identity = entry->end[!i].peer_identity;
		end->address_class = 0;
		end->endpoint = kept->endpoint;
		for (int j = 0; j < LOOKUPS; j++)
			end->rules[j] = kept->rules[j];
		end->verdict = kept->verdict;
		end->match = kept->match;
		end->pad = 0;
	}
	work->generation = entry->revision >> 32;
	work->judged = true;
	return emit(skb, work, 0, entry);
}
