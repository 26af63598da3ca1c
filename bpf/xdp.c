// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * The node's own devices, before the kernel has made a packet of what came in.
 *
 *   xdp_prefilter  drops what listed addresses send
 */
#include "lib/common.h"
#include "lib/counters.h"
#include "lib/prefilter.h"

SEC("xdp")
int xdp_prefilter(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	int step = check_prefilter(data, end);

	if (!step)
		return XDP_PASS;
	count_drop(HOOK_XDP, DROP_REASON_OF(step), DROP_FILE_OF(step), DROP_LINE_OF(step),
		   end - data);
	return XDP_DROP;
}

char _license[] SEC("license") = "Dual BSD/GPL";
