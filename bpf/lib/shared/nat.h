/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#pragma once

#include "address.h"

/*
 * Halves of a mapping. Both are made, prolonged and removed together, and a packet goes by them only as
 * long as both are there and name each other.
 */
enum nat_side {
	NAT_OUT = 0, /* found by what the owner sends; says as whom it goes */
	NAT_IN = 1,  /* found by what comes back; says for whom it is */
};

/* Keys of `nat4` and `nat6`. ICMP echo: the identifier is own_port, and remote_port is 0. */
struct nat4_key {
	__be32 own; /* NAT_OUT: the owner's address; NAT_IN: the node's */
	__be32 remote;
	__be16 own_port;
	__be16 remote_port;
	__u8 protocol;
	__u8 side; /* enum nat_side */
	__u16 pad;
};

struct nat6_key {
	struct ip_address own;
	struct ip_address remote;
	__be16 own_port;
	__be16 remote_port;
	__u8 protocol;
	__u8 side;
	__u16 pad;
};

enum nat_flag {
	NAT_ANSWERED = 1,
	NAT_ESTABLISHED = 2, /* TCP: and the owner has acknowledged the answer */
	NAT_OWNER_CLOSING = 4,
	NAT_REMOTE_CLOSING = 8,
};

struct nat_entry {
	struct ip_address address; /* NAT_OUT: the node's; NAT_IN: the owner's */
	__u64 expires;		   /* ns, CLOCK_BOOTTIME */
	__u64 created;		   /* ns, CLOCK_BOOTTIME */
	__u32 incarnation;	   /* of the pod that is the owner; 0: the node itself */
	__be16 port;		   /* beside the address */
	__u8 flags;
	__u8 pad;
};

/* What the LPM map `masquerade_ranges` says of addresses; the longest prefix has all that counts. */
enum masquerade_range {
	MASQUERADE_EXCLUDED = 1, /* as a destination: pods reach it under their own addresses */
	MASQUERADE_POD = 2,	 /* as a source: a pod of this node, whether it is known or not */
	MASQUERADE_NODE = 4,	 /* the node's, under which it masquerades */
};

/* Value of `masquerade_devices` (key: ifindex): the addresses of what leaves by the device; all zero: none. */
struct masquerade_device {
	struct ip_address ipv4;
	struct ip_address ipv6;
};

/* Indices of `nat_counters`. */
enum nat_counter {
	NAT_ALLOCATED = 0, /* mappings made */
	NAT_RETRIES = 1,   /* ports that were tried for them and taken */
	NAT_EXHAUSTED = 2, /* packets dropped because no port was found */
	NAT_COUNTERS = 3,
};
