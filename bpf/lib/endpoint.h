/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Who lives on this node. */
#pragma once

#include "common.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 131070); /* two addresses an endpoint */
	__type(key, struct endpoint_key);
	__type(value, struct endpoint);
} endpoints SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65535);
	__type(key, __u32);
	__type(value, struct interface);
} interfaces SEC(".maps");

static __always_inline const struct endpoint *endpoint_by_address(const struct ip_address *address,
								  __u8 family)
{
	struct endpoint_key key = { .address = *address, .family = family };

	return bpf_map_lookup_elem(&endpoints, &key);
}

static __always_inline const struct interface *interface_by_index(__u32 ifindex)
{
	return bpf_map_lookup_elem(&interfaces, &ifindex);
}

/* Which pod has the address now; 0: none of this node. */
static __always_inline __u32 incarnation_at(const struct ip_address *address, __u8 family)
{
	const struct endpoint *endpoint = endpoint_by_address(address, family);

	return endpoint ? endpoint->incarnation : 0;
}
