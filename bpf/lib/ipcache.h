/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Who is behind an address. */
#pragma once

#include "common.h"
#include "shared/identity.h"
#include "shared/ipcache.h"

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 512000);
	__type(key, struct ipcache_key);
	__type(value, struct ipcache_entry);
} ipcache SEC(".maps");

static __always_inline struct ipcache_entry ipcache_lookup(const struct ip_address *address,
							   __u8 family)
{
	struct ipcache_key key = {
		.prefixlen = IPCACHE_FIXED_BITS + (family == FAMILY_IPV4 ? 32 : 128),
		.family = family,
		.address = *address,
	};
	struct ipcache_entry world = { .identity = IDENTITY_WORLD };
	const struct ipcache_entry *entry = bpf_map_lookup_elem(&ipcache, &key);

	return entry ? *entry : world;
}
