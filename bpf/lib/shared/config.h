/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#pragma once

#include <linux/types.h>

/* Read-only data, set before load. Times in ns; no timeout is 0. */
struct datapath_config {
	__u64 tcp_syn_timeout;
	__u64 tcp_established_timeout;
	__u64 tcp_close_timeout;
	__u64 other_timeout;
	__u64 trace_interval; /* how often user space hears of a connection; 0: of its judgements only */
	__u64 opening_budget;	 /* connections of one pod that wait for their first answer */
	__u32 terminate_on_deny; /* 1: senders on TCP connections that policy cuts get a RST */
	__u16 masquerade_first;	 /* the ports that masqueraded flows may have, in host order */
	__u16 masquerade_last;
	__u8 masquerade; /* 1: pods reach the world under the node's address */
	__u8 rehearsal;	 /* 1: packets go nowhere: no socket is asked for, or given one */
	__u8 pad[6];
};
