/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#pragma once

#include <linux/types.h>

enum address_family {
	FAMILY_NONE = 0,
	FAMILY_IPV4 = 1,
	FAMILY_IPV6 = 2,
};

/*
 * An address in network byte order. An IPv4 address stands in the first four
 * bytes and the rest is zero; the family is always kept beside it.
 * (Code generation reads the first member of a union.)
 */
struct ip_address {
	union {
		__u8 bytes[16];
		__be32 v4;
		__be32 words[4];
		__u64 halves[2];
	};
};
