/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What user space hears as it happens. */
#pragma once

#include "common.h"
#include "counters.h"

enum {
	EVENTS_BYTES = 4 << 20,
	EVENTS_WAKE = EVENTS_BYTES / 4,
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, EVENTS_BYTES);
} events SEC(".maps");

/* Events that found the ring full. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} events_lost SEC(".maps");

/* `entry`: of the packet's connection, of which the event then tells; NULL: it tells of a judgement or a drop. */
static __always_inline void fill_event(struct event *event, struct __sk_buff *skb,
				       const struct work *work, int drop,
				       const struct conntrack_entry *entry)
{
	const struct tuple *tuple = &work->packet.tuple;
	__u8 reason;

	reason = drop < 0 ? DROP_REASON_OF(drop) : DROP_NONE;
	event->time = work->now ? work->now : bpf_ktime_get_boot_ns();
	event->generation = work->generation;
	event->source = tuple->source;
	event->destination = tuple->destination;
	event->source_port = tuple->source_port;
	event->destination_port = tuple->destination_port;
	event->type =
		entry ? EVENT_TRACE :
		!reason || reason == DROP_POLICY_DENIED || reason == DROP_POLICY_DENIED_BY_RULE ?
			EVENT_VERDICT :
			EVENT_DROP;
	event->reason = reason;
	event->hook = work->hook;
	event->family = tuple->family;
	event->protocol = tuple->protocol;
	event->tcp_flags = work->packet.tcp_flags;
	event->is_reply = work->is_reply;
	event->file = drop < 0 ? DROP_FILE_OF(drop) : 0;
	event->line = drop < 0 ? DROP_LINE_OF(drop) : 0;
	event->icmp_type = tuple->icmp_type;
	event->icmp_code = tuple->icmp_code;
	event->ifindex = skb->ifindex;
	event->length = skb->len;
	if (work->judged)
		__builtin_memcpy(event->end, work->end, sizeof(event->end));
	else
		__builtin_memset(event->end, 0, sizeof(event->end));
	for (int i = 0; i < ENDS; i++) {
		event->packets[i] = entry ? entry->packets[i] : 0;
		event->bytes[i] = entry ? entry->bytes[i] : 0;
	}
	event->connection = entry ? entry->flags : 0;
	__builtin_memset(event->pad, 0, sizeof(event->pad));
}

static __noinline int emit(struct __sk_buff *skb, const struct work *work, int drop,
			   const struct conntrack_entry *entry)
{
	struct event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

	if (!event) {
		__u32 zero = 0;
		__u64 *lost = bpf_map_lookup_elem(&events_lost, &zero);

		if (lost)
			(*lost)++;
		return 0;
	}
	fill_event(event, skb, work, drop, entry);
	/*
	 * The reader looks by itself many times a second. To wake it costs the sender of the
	 * packet more than the judgement, so only a ring that fills up does.
	 */
	bpf_ringbuf_submit(event, bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA) > EVENTS_WAKE ?
					  BPF_RB_FORCE_WAKEUP :
					  BPF_RB_NO_WAKEUP);
	return 0;
}
