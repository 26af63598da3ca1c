/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Dropped packets themselves, as long as somebody captures them. Otherwise a drop that is told of costs one look-up more.
 *
 * The order ends by itself: whoever wants packets renews it, and need not be there to take it back.
 */
#pragma once

#include "common.h"
#include "events.h"
#include "shared/capture.h"

enum {
	CAPTURES_BYTES = 1 << 20,
	CAPTURES_WAKE = CAPTURES_BYTES / 4,
};

struct capture {
	struct capture_head head;
	__u8 packet[CAPTURE_BYTES];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, CAPTURES_BYTES);
} captures SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct capture_order);
} capture_orders SEC(".maps");

/* Where a record is put together: only so much of it goes into the ring as the packet has. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct capture);
} capture_buffers SEC(".maps");

/* Packets that found the ring full. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} captures_lost SEC(".maps");

/* Of the packet in the work area, which ends with `drop`. */
__noinline int capture(struct __sk_buff *skb, int drop)
{
	__u32 zero = 0, length = skb->len;
	const struct capture_order *order = bpf_map_lookup_elem(&capture_orders, &zero);
	const struct work *work;
	struct capture *record;
	__u64 *lost;

	if (!order || !order->until || bpf_ktime_get_boot_ns() >= order->until)
		return STEP_NEXT;
	work = work_area(skb);
	record = bpf_map_lookup_elem(&capture_buffers, &zero);
	if (!work || !record)
		return STEP_NEXT; /* unreachable: they are always there */
	fill_event(&record->head.event, skb, work, drop, NULL);
	if (length > order->snaplen)
		length = order->snaplen;
	if (length > CAPTURE_BYTES)
		length = CAPTURE_BYTES;
	/* The verifier wants the number that was compared, not another one that is equal. */
	asm volatile("" : "+r"(length));
	if (!length || length > CAPTURE_BYTES || bpf_skb_load_bytes(skb, 0, record->packet, length))
		return STEP_NEXT; /* unreachable: there are so many bytes */
	record->head.length = length;
	record->head.pad = 0;
	if (!bpf_ringbuf_output(&captures, record, sizeof(record->head) + length,
				bpf_ringbuf_query(&captures, BPF_RB_AVAIL_DATA) > CAPTURES_WAKE ?
					BPF_RB_FORCE_WAKEUP :
					BPF_RB_NO_WAKEUP))
		return STEP_NEXT;
	lost = bpf_map_lookup_elem(&captures_lost, &zero);
	if (lost)
		(*lost)++;
	return STEP_NEXT;
}
