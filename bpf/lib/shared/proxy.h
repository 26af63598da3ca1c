/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#pragma once

#include <linux/types.h>

/*
 * Marks of packets on the node's own stack that have to do with the proxy. Only MARK_PROXY_MASK is compared: other
 * programs have the other bits for themselves. Believed only of packets that the stack itself has made, since the kernel clears
 * marks between network namespaces.
 */
enum proxy_mark {
	MARK_PROXY_MASK = 0xffff0f00,
	MARK_TO_PROXY =
		0x57500100, /* the node's rule routes it to itself, whatever its destination */
	MARK_PROXY_TO_CLIENT =
		0x57500200, /* sent by the proxy's listening side, under the server's address */
	MARK_PROXY_TO_SERVER =
		0x57500300, /* sent by the proxy's calling side, under the client's address */
};

enum proxy_route {
	PROXY_RULE_PRIORITY = 9,
	PROXY_ROUTE_TABLE = 2057,
};

/* Which of the ports of `struct proxy_state`. */
enum proxy_listener {
	PROXY_TCP4 = 0,
	PROXY_TCP6 = 1,
	PROXY_UDP4 = 2,
	PROXY_UDP6 = 3,
	PROXY_LISTENERS = 4,
};

/* The one value of the map `proxy`, written by the proxy itself. */
struct proxy_state {
	/* ns, CLOCK_BOOTTIME: when the proxy has last shown that it works; 0: there is none. */
	__u64 alive;
	/* Where its sockets listen on 127.0.0.1 and ::1; 0: not. */
	__be16 ports[PROXY_LISTENERS];
};
