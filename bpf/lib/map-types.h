/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Types of what maps hold that BTF would not have otherwise, for whoever reads the maps: those behind the
 * values of a map of maps, and the enums that stand in maps as plain numbers.
 */
#pragma once

#include "shared/address.h"
#include "shared/conntrack.h"
#include "shared/counter.h"
#include "shared/drop.h"
#include "shared/endpoint.h"
#include "shared/event.h"
#include "shared/nat.h"
#include "shared/policy.h"

struct map_types {
	struct policy_key policy_key;
	struct policy_entry policy_entry;
	enum address_family address_family;
	enum connection_flag connection_flag;
	enum direction direction;
	enum drop_reason drop_reason;
	enum endpoint_flag endpoint_flag;
	enum event_hook event_hook;
	enum masquerade_range masquerade_range;
	enum nat_counter nat_counter;
	enum nat_flag nat_flag;
	enum nat_side nat_side;
	enum policy_match policy_match;
	enum source_file source_file;
	enum verdict verdict;
};

/* Its argument brings the types into BTF. Nobody calls it, so that no program has it. */
int map_types(const struct map_types *types)
{
	return !types; /* unreachable: nobody calls it */
}
