/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What every header of the datapath needs: helpers, the drop value, the work area. */
#pragma once

#include <stdbool.h>
#include <linux/bpf.h>
#include <linux/types.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "shared/address.h"
#include "shared/conntrack.h"
#include "shared/counter.h"
#include "shared/drop.h"
#include "shared/endpoint.h"
#include "shared/event.h"
#include "shared/nat.h"

/*
 * What a step returns: 0, go on (at the end: up the host's stack); positive, a tc
 * action that ends the program; negative, a drop with its reason and place.
 */
enum step {
	STEP_NEXT = 0,
};

/*
 * DROP(reason): the packet ends here. Reason, source file and line travel in the
 * value. A file that drops defines SOURCE_FILE after its includes.
 */
#define DROP(reason) (-((__s32)(reason) | SOURCE_FILE << 8 | __LINE__ << 16))
#define DROP_REASON_OF(drop) ((__u8)(-(drop)))
#define DROP_FILE_OF(drop) ((__u8)(-(drop) >> 8))
#define DROP_LINE_OF(drop) ((__u16)(-(drop) >> 16))

/* A connection's addresses and ports, in one direction. */
struct tuple {
	struct ip_address source;
	struct ip_address destination;
	__be16 source_port;
	__be16 destination_port;
	__u8 family;
	__u8 protocol;
	__u8 icmp_type;
	__u8 icmp_code;
};

/* A parsed packet. */
struct packet {
	struct tuple tuple;
	__u32 owner; /* of the state of its fragments: an endpoint's id */
	__u32 end;   /* of the IP datagram; padding may follow. Bytes from the Ethernet header */
	__u32 l4_offset;     /* bytes from the Ethernet header */
	__u32 fragment_base; /* where what is fragmented begins, bytes from the Ethernet header */
	__be32 fragment_id;
	__u16 fragment_offset;	/* bytes from the datagram's first */
	__u8 fragment;		/* enum fragment_kind */
	__u8 fragment_protocol; /* IPv4: as all fragments of the datagram have it; IPv6: 0 */
	__u8 tcp_flags;
	bool is_icmp_error;
};

/* What an end's policy is asked. */
struct policy_query {
	__u32 slot;
	__u32 identity;
	__u32 address_class;
	__u8 direction;
	__u8 protocol;
	__be16 port; /* destination port; ICMP: the type */
	__u64 now;   /* ns, CLOCK_BOOTTIME */
};

/* What one end's policy says, beside what is told of it. */
struct policy_answer {
	__u32 precedence;
	__u32 limit;
	__u64 not_after; /* ns, CLOCK_BOOTTIME; 0: it does not end */
	__u32 flags;	 /* enum policy_flag */
	__u32 pad;
};

/* A masqueraded flow: see nat.h. Source is its owner's side. */
struct nat_flow {
	struct tuple own;    /* as the owner sends it */
	struct tuple mapped; /* as the world sees it */
	struct nat_entry entry;
	__u32 incarnation; /* of the owner; 0: the node itself */
};

/* What is written over one end of a packet: see rewrite.h. */
struct rewrite {
	struct ip_address from;
	struct ip_address to;
	__be16 from_port;
	__be16 to_port;
	bool source; /* else the destination */
};

/*
 * What one run of a program works on. It lives in a per-CPU map because the stack
 * has 512 bytes; programs on tc hooks are not preempted by each other.
 */
struct work {
	struct packet packet;
	struct packet quoted;	      /* by an ICMP error */
	struct tuple original;	      /* the connection's original direction */
	struct conntrack_entry entry; /* under construction */
	struct next_hop hop;	      /* where the packet goes */
	struct nat_flow nat;
	struct rewrite rewrite;
	struct policy_query query;
	struct policy_answer answer[ENDS];
	struct event_end end[ENDS];  /* for the event: the latest judgement */
	struct endpoint local[ENDS]; /* copies of records: those of the map may become another's */
	__u64 revision;
	__u64 generation;
	__u64 now;	   /* ns, CLOCK_BOOTTIME; 0: nobody has asked yet */
	__u32 incarnation; /* of the pod whose interface this is; 0: the node's own */
	__u32 from_proxy;  /* enum proxy_mark, of a packet that the proxy sends; else 0 */
	__u8 hook;
	__u8 place;	 /* what a connection that is first seen here has of enum connection_flag */
	__u8 is_reply;	 /* 0 or 1; not bool: the verifier must see an index bounded */
	bool judged;	 /* `end` holds a judgement */
	bool replaces;	 /* an entry with the connection's key is there */
	bool report;	 /* tell user space about an allow */
	bool trace;	 /* tell user space how the connection goes */
	bool answers;	 /* should it be of no known connection: of one that the other side began */
	bool cut;	 /* of a connection that policy has just cut: see reset.h */
	bool quiet;	 /* a drop that is counted, but not worth an event */
	bool redirected; /* the latest judgement: an end wants the requests to be looked at */
	bool fails_open; /* and may pass without, as long as the proxy does not work */
	bool to_proxy;	 /* the packet is one that the proxy has to have */
	bool failsafe;	 /* the latest judgement: the destination allows it whatever policies say */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct work);
} scratch SEC(".maps");

/*
 * The work area of this run. Functions that are not static take the context alone and ask for it
 * themselves: the verifier looks at each of them once, and not for each way that leads to it.
 */
static __always_inline struct work *work_area(struct __sk_buff *skb)
{
	__u32 zero = 0;

	/* Clang passes anything at all for an argument that it finds unused; the verifier wants it. */
	asm volatile("" : "+r"(skb));
	return bpf_map_lookup_elem(&scratch, &zero);
}

static __always_inline struct work *begin(struct __sk_buff *skb, __u8 hook)
{
	struct work *work = work_area(skb);

	if (!work)
		return NULL;
	__builtin_memset(&work->packet.tuple, 0, sizeof(work->packet.tuple));
	work->packet.tcp_flags = 0;
	work->generation = 0;
	work->hook = hook;
	work->place = 0;
	work->is_reply = false;
	work->judged = false;
	work->report = false;
	work->trace = false;
	work->answers = false;
	work->cut = false;
	work->to_proxy = false;
	work->from_proxy = 0;
	work->quiet = false;
	work->now = 0;
	work->incarnation = 0;
	return work;
}

static __always_inline bool address_equal(const struct ip_address *a, const struct ip_address *b)
{
	return a->halves[0] == b->halves[0] && a->halves[1] == b->halves[1];
}

static __always_inline bool address_is_zero(const struct ip_address *a)
{
	return !(a->halves[0] | a->halves[1]);
}
