/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#pragma once

#include <linux/types.h>

/* Direction as the endpoint sees it. */
enum direction {
	DIRECTION_INGRESS = 0,
	DIRECTION_EGRESS = 1,
};

enum verdict {
	VERDICT_NONE = 0, /* not judged at this end */
	VERDICT_ALLOW = 1,
	VERDICT_DENY = 2,
	VERDICT_PASS = 3,     /* only in entries: what they say below decides */
	VERDICT_REDIRECT = 4, /* to the proxy, which looks at the requests */
};

enum policy_prefix {
	POLICY_FIXED_BITS = 40, /* peer and direction: always exact */
	POLICY_PROTOCOL_BITS = 8,
	POLICY_FULL_BITS = 64,
};

/*
 * Key of an inner policy map. prefixlen = POLICY_FIXED_BITS, or with the protocol
 * 48, or with the protocol and n leading bits of the port 48 + n.
 * ICMP: the port is the type.
 */
struct policy_key {
	__u32 prefixlen;
	/*
	 * Identity, address class, or 0: any. High byte first: the trie parts identities from
	 * classes at its root, so that many of the one do not lengthen the way to the other.
	 */
	__be32 peer;
	__u8 direction;
	__u8 protocol; /* IP protocol number; 0 with the short prefix: any */
	__be16 port;
};

/* What an entry says. All zero: nothing. */
struct policy_decision {
	__u32 precedence; /* the higher one decides */
	__u32 rule;	  /* rule reference; 0: no rule, the default */
	__u32 limit;	  /* rule reference of the rule whose limit counts; 0: none */
	__u8 verdict;
	__u8 prefix_bits; /* of protocol and port, 0..24: how exact the entry is */
	__u8 flags;	  /* enum policy_flag */
	__u8 pad;
	/*
	 * ns, CLOCK_BOOTTIME, from when on it does not hold; 0: it always does. Afterwards it denies:
	 * an allow of the normal tier below all rules of that tier (it may have hidden a deny of
	 * the Baseline tier), anything else in its place.
	 */
	__u64 not_after;
};

enum policy_flag {
	/* Of VERDICT_REDIRECT: a rule of the same tier allows the same without asking for the proxy. */
	POLICY_PLAIN = 1,
	/* Of VERDICT_REDIRECT: all its rules say that it passes as long as the proxy does not work. */
	POLICY_FAIL_OPEN = 2,
};

struct policy_entry {
	struct policy_decision upper;
	/* What counts where the highest precedence of all look-ups passes. */
	struct policy_decision below;
};

/* Precedences of tiers: from here up to the next one's. */
enum policy_tier {
	POLICY_NORMAL = 2 << 28,
	POLICY_ADMIN = 3 << 28,
	POLICY_FAILSAFE =
		4 << 28, /* of the node's own policy: what nobody can lock himself out of */
};

/* Which parts of the packet the deciding entry named: the field's numbers. */
enum policy_match {
	MATCH_NONE = 0,
	MATCH_L3_ONLY = 1,
	MATCH_L3_L4 = 2,
	MATCH_L4_ONLY = 3,
	MATCH_ALL = 4,
	MATCH_L3_PROTOCOL = 5,
	MATCH_PROTOCOL_ONLY = 6,
};

/* The three look-ups of a judgement; each may name a rule. */
enum policy_lookup {
	LOOKUP_IDENTITY = 0,
	LOOKUP_CLASS = 1,
	LOOKUP_ANY = 2,
	LOOKUPS = 3,
};
