/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#pragma once

#include "address.h"

enum endpoint_flag {
	/* Other NAT stands on the path: no redirect past the host's stack. */
	ENDPOINT_VIA_STACK = 1,
	/* The node itself, as long as some policy selects it: it has no interface. */
	ENDPOINT_HOST = 2,
	/* It has a limit in `bandwidths`, where all its packets have to come by. */
	ENDPOINT_BANDWIDTH = 4,
	/* Its veth is another CNI plugin's: see segment.h. It goes via the stack in any case. */
	ENDPOINT_CHAINED = 8,
};

/* Numbers of endpoints. */
enum endpoint_number {
	ENDPOINT_NUMBER_LAST = 65535, /* of pods, which have the numbers up to it */
	ENDPOINT_NUMBER_HOST = 65536, /* the node itself */
};

/* Key of `endpoints`. */
struct endpoint_key {
	struct ip_address address;
	__u8 family;
	__u8 pad[7];
};

/* Value of `endpoints`: who lives on an address of this node. */
struct endpoint {
	struct ip_address address; /* the key, by which a copy is known to be whose it should be */
	__u32 ifindex;		   /* host side of the veth; 0: the node itself */
	__u32 id;
	__u32 incarnation; /* never reused; 0: the node itself, which is always the same */
	__u32 identity[2]; /* by the parity of the generation */
	__u32 policy[2];   /* policy slot, by the parity of the generation */
	__u32 flags;
	__u8 mac[6];	  /* pod side of the veth */
	__u8 host_mac[6]; /* host side of the veth */
	__u8 family;	  /* of the key */
	__u8 pad[3];
};

/*
 * Value of `interfaces` (key: ifindex of the host side): who is sending. A bridge that chained pods are on has one, too,
 * of the endpoint 0: what they send to the node, or by it, comes to the stack by the bridge.
 */
struct interface {
	struct endpoint endpoint; /* of no address */
	struct ip_address ipv4;	  /* all zero: the endpoint has none */
	struct ip_address ipv6;
	__u32 bridge; /* that the device is a port of; 0: of none */
	__u32 pad;
};
