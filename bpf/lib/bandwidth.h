/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * How much an endpoint may send, and be sent. A policer: what comes too fast is dropped, for there is no queue
 * here to wait in. Endpoints with a limit are never passed by on the short way, nor past the stack: so what
 * an endpoint sends meets its limit in pod_egress, and what it is sent in pod_ingress, each once.
 */
#pragma once

#include "common.h"
#include "events.h"
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

/*
 * Bytes on the wire: an aggregate of segments becomes packets that have headers each. How many is counted here:
 * what a pod itself says of it (a packet socket with a virtio header) need not be true.
 */
static __always_inline __u64 wire_bytes(struct __sk_buff *skb, const struct packet *packet)
{
	__u32 headers = packet->l4_offset + transport_bytes(IPPROTO_UDP);
	__u32 length = skb->len;
	__u32 size = skb->gso_size;
	__u8 words; /* of the TCP header, in the upper 4 bits */

	if (!size)
		return length;
	if (packet->tuple.protocol == IPPROTO_TCP &&
	    !bpf_skb_load_bytes(skb, packet->l4_offset + 12, &words, 1))
		headers = packet->l4_offset + (words >> 4) * 4;
	if (length <= headers)
		return length; /* unreachable: aggregates have payload */
	return length + (__u64)((length - headers - 1) / size) * headers;
}

/*
 * Lets the packet pass, or drops it. An endpoint without a record has no limit: the agent writes the record
 * before the flag, and takes it away after. Drops come by the thousand: all are counted, one a second is told of.
 *
 * What nobody has asked the time for counts for nothing: the node's neighbour discovery, a pod's own echo.
 */
__noinline int take_bandwidth(struct __sk_buff *skb, __u32 direction)
{
	struct work *work = work_area(skb);
	struct bandwidth_key key = { .direction = direction };
	struct bandwidth *limit;
	__u64 bytes, now;
	bool passes, tell = false;

	if (!work)
		return DROP(DROP_WRITE_ERROR); /* unreachable: it is always there */
	now = work->now;
	if (!now)
		return STEP_NEXT;
	key.endpoint = work->packet.owner;
	limit = bpf_map_lookup_elem(&bandwidths, &key);
	if (!limit)
		return STEP_NEXT;
	bytes = wire_bytes(skb, &work->packet);
	bpf_spin_lock(&limit->lock);
	if (limit->through_at < now)
		limit->through_at = now;
	passes = limit->through_at <= now + limit->burst;
	if (passes) {
		limit->through_at += bytes * BANDWIDTH_NS_PER_SECOND / limit->rate;
	} else {
		limit->dropped_packets++;
		limit->dropped_bytes += bytes;
		tell = now >= limit->tell_at;
		if (tell)
			limit->tell_at = now + BANDWIDTH_NS_PER_SECOND;
	}
	bpf_spin_unlock(&limit->lock);
	if (passes)
		return STEP_NEXT;
	/* What policy says of a new connection stands, whatever becomes of its first packet. */
	if (work->report)
		emit(skb, work, 0, NULL);
	work->quiet = !tell;
	return DROP(DROP_BANDWIDTH);
}
