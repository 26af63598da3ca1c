/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#pragma once

#include "address.h"

/* Bits of an ipcache key before the address: family and padding. */
enum ipcache_prefix {
	IPCACHE_FIXED_BITS = 32,
};

/* Key of `ipcache`. prefixlen = IPCACHE_FIXED_BITS + bits of the address. */
struct ipcache_key {
	__u32 prefixlen;
	__u8 family;
	__u8 pad[3];
	struct ip_address address;
};

struct ipcache_entry {
	__u32 identity;
	__u32 address_class; /* 0: no CIDR of any rule covers the address */
};
