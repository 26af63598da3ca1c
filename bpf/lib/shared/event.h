/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#pragma once

#include "address.h"
#include "conntrack.h"

/* The field's numbers. */
enum event_type {
	EVENT_DROP = 1, /* dropped for another reason than policy */
	EVENT_TRACE =
		4, /* how a known connection goes: its first reply, a change of its state, and every few seconds */
	EVENT_VERDICT = 5, /* a policy judgement: reason 0 is an allow */
};

/* Where the packet was seen. */
enum event_hook {
	HOOK_POD_EGRESS = 1,	 /* left the pod */
	HOOK_POD_INGRESS = 2,	 /* about to enter the pod, from the host's stack */
	HOOK_NETDEV_INGRESS = 3, /* came in by a device of the node */
	HOOK_NETDEV_EGRESS = 4,	 /* about to leave by a device of the node */
	HOOK_XDP = 5,		 /* came in by a device of the node, before tc */
	HOOK_END = 6,		 /* one more than the last */
};

struct event_end {
	__u32 identity;
	__u32 address_class;
	__u32 endpoint; /* id; 0: not on this node */
	__u32 rules[LOOKUPS];
	__u8 verdict;
	__u8 match;
	__u16 pad;
};

/* Record of the ring buffer `events`. Source and destination of the packet itself. */
struct event {
	__u64 time; /* ns, CLOCK_BOOTTIME */
	__u64 generation;
	struct ip_address source;
	struct ip_address destination;
	__be16 source_port; /* ICMP: identifier */
	__be16 destination_port;
	__u8 type;
	__u8 reason; /* enum drop_reason; 0: forwarded */
	__u8 hook;
	__u8 family;
	__u8 protocol;
	__u8 tcp_flags;
	__u8 is_reply;
	__u8 file; /* enum source_file, of the drop */
	__u16 line;
	__u8 icmp_type;
	__u8 icmp_code;
	__u32 ifindex;
	__u32 length;		    /* bytes, Ethernet header included */
	struct event_end end[ENDS]; /* in the connection's original direction */
	/* Of EVENT_TRACE: the connection up to this packet, which counts; else 0. */
	__u64 packets[ENDS]; /* sent by that end */
	__u64 bytes[ENDS];   /* Ethernet headers included */
	__u8 connection;     /* enum connection_flag */
	__u8 pad[7];
};
