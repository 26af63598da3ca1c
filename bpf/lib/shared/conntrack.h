/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#pragma once

#include "address.h"
#include "policy.h"

/* The two ends of a connection, in its original direction. */
enum connection_end {
	END_SOURCE = 0,	     /* judged by the source's egress policy */
	END_DESTINATION = 1, /* judged by the destination's ingress policy */
	ENDS = 2,
};

/*
 * Keys of `conntrack4` and `conntrack6`. Both directions of a connection have the
 * same key: the lower (address, port) pair stands first, compared as big-endian
 * bytes. ICMP echo: the identifier is both ports.
 */
struct conntrack4_key {
	__be32 low_address;
	__be32 high_address;
	__be16 low_port;
	__be16 high_port;
	__u8 protocol;
	__u8 leg; /* LEG_DIRECT */
	__u16 pad;
};

struct conntrack6_key {
	struct ip_address low_address;
	struct ip_address high_address;
	__be16 low_port;
	__be16 high_port;
	__u8 protocol;
	__u8 leg;
	__u16 pad;
};

enum connection_leg {
	LEG_DIRECT = 0,
};

/* Whether the proxy stands between a connection's ends. */
enum connection_proxied {
	PROXIED_NOT = 0,
	/* Its source has begun it. Both legs have its addresses and ports; counted is what the source and the proxy send. */
	PROXIED_CLIENT = 1,
	PROXIED_SERVER = 2, /* the proxy has begun it, by another port than its client's */
	PROXIED_OPEN =
		4, /* not: when it began, the proxy did not work, and its rules let it pass then */
};

enum connection_flag {
	CONNECTION_SOURCE_IS_HIGH = 1, /* the originator is the higher pair of the key */
	CONNECTION_SEEN_REPLY = 2,
	CONNECTION_SOURCE_CLOSING = 4,	    /* FIN or RST from the source */
	CONNECTION_DESTINATION_CLOSING = 8, /* FIN or RST from the destination */
	/*
	 * Its first packet came out of the host's stack, where a NAT may have made it:
	 * replies must go back that way.
	 */
	CONNECTION_VIA_STACK = 16,
	/* Answered; of TCP: and the originator has acknowledged the answer. */
	CONNECTION_ESTABLISHED = 32,
	/*
	 * The node's stack forwards it for somebody else, and a NAT there has given it the node's
	 * address: no policy of the node's speaks of it, and it has none of the node's privileges.
	 */
	CONNECTION_FORWARDED = 64,
	/* Of events alone: no packet came in its time. */
	CONNECTION_TIMED_OUT = 128,
};

/* What one end's policy said. */
struct conntrack_end {
	__u32 rules[LOOKUPS]; /* rule references that carry the verdict */
	__u32 incarnation;    /* of the pod at this end; 0: none of this node */
	__u32 peer_identity;  /* of the other end, when judged */
	__u32 limit;	      /* the rule that counts the connection: see struct limit; 0: none */
	__u32 endpoint;	      /* id of the pod at this end; 0: none of this node */
	__u8 verdict;
	__u8 match;
	__u8 plain; /* of VERDICT_REDIRECT: a rule that asks nothing of requests allows it as well */
	__u8 pad;
};

/* Where a packet goes next. ifindex 0: up the host's stack. */
struct next_hop {
	__u32 ifindex;
	__u8 destination_mac[6];
	__u8 source_mac[6];
};

/* How long a connection's packets may go without a look at the clock: 0.25 to 2.5 s. */
enum { FAST_JIFFIES = 250 };

struct conntrack_entry {
	/*
	 * generation (high half) and the sum of the epochs (low half) under which the
	 * verdicts were found. Another number: judge again.
	 */
	__u64 revision;
	/*
	 * Jiffies, until which packets of the connection pass by what is kept here and nothing else
	 * but the revision is asked; 0: it is not established, about to end, limited, or ends by a rule.
	 */
	__u64 fast_until;
	__u64 expires;	 /* ns, CLOCK_BOOTTIME; up to FAST_JIFFIES behind */
	__u64 created;	 /* ns, CLOCK_BOOTTIME */
	__u64 not_after; /* ns, CLOCK_BOOTTIME: judge again from then on; 0: never for that */
	__u64 told;	 /* ns, CLOCK_BOOTTIME: when user space has heard of it last */
	struct conntrack_end end[ENDS];
	struct next_hop hop[ENDS]; /* towards that end */
	__u64 packets[ENDS];	   /* sent by that end */
	__u64 bytes[ENDS];
	__u8 flags;
	__u8 tcp_flags[ENDS]; /* seen from that end */
	__u8 has_place[ENDS]; /* in that end's limit; written under its lock */
	__u8 cut;	      /* 1: when it was judged last it was not let go on */
	__u8 proxied;	      /* enum connection_proxied; it stays so until the connection ends */
	__u8 pad;
	__u32 budget; /* key of the one that it has a token of; 0: of none. Written under its lock */
	__u32 pad2;
};
