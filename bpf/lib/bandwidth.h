/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * How much an endpoint may send, and be sent. A policer: what comes too fast is dropped, for there is no queue
 * here to wait in. Endpoints with a limit are never passed by on the short way, nor past the stack: so what
 * an endpoint sends meets its limit in pod_egress, and what it is sent in pod_ingress, each once.
 */
#pragma once

#include "common.h"
#include "parse.h"
#include "shared/bandwidth.h"

#undef SOURCE_FILE
#define SOURCE_FILE FILE_BANDWIDTH

#define BANDWIDTH_NS_PER_SECOND 1000000000ull

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 131070); /* two ways an endpoint */
	__type(key, struct bandwidth_key);
	__type(value, struct bandwidth);
} bandwidths SEC(".maps");

/* Bytes on the wire: an aggregate of segments becomes packets that have headers each. */
static __always_inline __u64 wire_bytes(struct __sk_buff *skb, const struct packet *packet)
{
	__u32 segments = skb->gso_segs;
	__u32 headers = packet->l4_offset + TCP_BYTES;

	return skb->len + (segments > 1 ? (__u64)(segments - 1) * headers : 0);
}

/*
 * Lets the packet pass, or drops it. An endpoint without a record has no limit: the agent writes the record
 * before the flag, and takes it away after.
 */
__noinline int take_bandwidth(struct __sk_buff *skb, __u32 direction)
{
	struct work *work = work_area(skb);
	struct bandwidth_key key = {};
	struct bandwidth *limit;
	__u64 bytes, cost, now;
	bool passes;

	if (!work)
		return DROP(DROP_WRITE_ERROR);
	key.endpoint = work->packet.owner;
	key.direction = direction;
	limit = bpf_map_lookup_elem(&bandwidths, &key);
	if (!limit || !limit->rate)
		return STEP_NEXT;
	now = bpf_ktime_get_boot_ns();
	bytes = wire_bytes(skb, &work->packet);
	cost = bytes * BANDWIDTH_NS_PER_SECOND / limit->rate;
	bpf_spin_lock(&limit->lock);
	if (limit->through_at < now)
		limit->through_at = now;
	passes = limit->through_at <= now + limit->burst;
	if (passes) {
		limit->through_at += cost;
	} else {
		limit->dropped_packets++;
		limit->dropped_bytes += skb->len;
	}
	bpf_spin_unlock(&limit->lock);
	if (passes)
		return STEP_NEXT;
	work->quiet = true; /* thousands a second: the counts tell of them */
	return DROP(DROP_BANDWIDTH);
}
