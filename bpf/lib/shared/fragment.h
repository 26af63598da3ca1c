/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#pragma once

#include "address.h"

/* Key of `fragments`. */
struct fragment_key {
	__u32 owner; /* id of the endpoint at whose interface they come by, or bits of a remote address */
	__u32 place; /* by identification */
};

/* What the fragments of one datagram have in common: IPv6 does not count the protocol (RFC 8200). */
struct datagram {
	struct ip_address source;
	struct ip_address destination;
	__be32 identification; /* IPv4: its 16 bits in the first bytes */
	__u8 family;
	__u8 protocol; /* IPv6: 0 */
	__u16 pad;
};

/* What only the first fragment says. */
struct fragment_start {
	struct datagram datagram;
	__be16 source_port;
	__be16 destination_port;
	__u64 seen;   /* ns, CLOCK_BOOTTIME: when it came by; the agent removes old ones */
	__u16 judged; /* bytes of the datagram that nothing may be laid over */
	__u8 protocol;
	__u8 icmp_type;
	__u8 icmp_code;
	__u8 pad[3];
};
