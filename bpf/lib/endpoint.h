/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Who lives on this node. */
#pragma once

#include "common.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 132094); /* two addresses a pod, and those of the node */
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

/* Does the element still hold what was copied from it? */
static __always_inline bool endpoint_unchanged(const struct endpoint *copy,
					       const struct endpoint *record)
{
	const __u64 *a = (const __u64 *)copy;
	const volatile __u64 *b = (const volatile __u64 *)record;
	__u64 differs = 0;

	for (int i = 0; i < (int)(sizeof(*copy) / sizeof(*a)); i++)
		differs |= a[i] ^ b[i];
	return !differs;
}

/*
 * Copies a record; 1: it is there, 0: it is not, -1: it changes right now. A replaced element is
 * another's at once, without a grace period. So the copy says whose it is, and it counts when the element
 * still holds the same afterwards: a mixture would have to be written twice between two readings.
 */
static __noinline int endpoint_read(struct endpoint *copy, const struct ip_address *address,
				    __u8 family)
{
	for (int i = 0; i < 2; i++) {
		const struct endpoint *record = endpoint_by_address(address, family);

		if (!record) {
			/* A look-up may miss an element that is being replaced. */
			if (endpoint_by_address(address, family))
				continue;
			return 0;
		}
		*copy = *record;
		barrier();
		if (endpoint_unchanged(copy, record) && address_equal(&copy->address, address) &&
		    copy->family == family)
			return 1;
	}
	return -1;
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
