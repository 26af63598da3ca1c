// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Names every struct and enum that userland sees, once, so that BTF has it: a type
 * used only through a local pointer is not in a program's BTF. `npm run gen` reads
 * the BTF of this object; it is never loaded.
 */
#include "address.h"
#include "capture.h"
#include "config.h"
#include "conntrack.h"
#include "control.h"
#include "counter.h"
#include "drop.h"
#include "endpoint.h"
#include "event.h"
#include "fragment.h"
#include "identity.h"
#include "ipcache.h"
#include "bandwidth.h"
#include "limit.h"
#include "nat.h"
#include "policy.h"
#include "proxy.h"

#define LAYOUT_STRUCT(name) const struct name *layout_struct_##name __attribute__((used))
#define LAYOUT_ENUM(name) enum name layout_enum_##name __attribute__((used))

LAYOUT_STRUCT(ip_address);
LAYOUT_STRUCT(datapath_config);
LAYOUT_STRUCT(endpoint_key);
LAYOUT_STRUCT(endpoint);
LAYOUT_STRUCT(interface);
LAYOUT_STRUCT(ipcache_key);
LAYOUT_STRUCT(ipcache_entry);
LAYOUT_STRUCT(policy_key);
LAYOUT_STRUCT(policy_decision);
LAYOUT_STRUCT(policy_entry);
LAYOUT_STRUCT(bandwidth_key);
LAYOUT_STRUCT(bandwidth);
LAYOUT_STRUCT(limit_counts);
LAYOUT_STRUCT(limit);
LAYOUT_STRUCT(conntrack4_key);
LAYOUT_STRUCT(conntrack6_key);
LAYOUT_STRUCT(conntrack_end);
LAYOUT_STRUCT(next_hop);
LAYOUT_STRUCT(conntrack_entry);
LAYOUT_STRUCT(nat4_key);
LAYOUT_STRUCT(nat6_key);
LAYOUT_STRUCT(nat_entry);
LAYOUT_STRUCT(masquerade_device);
LAYOUT_STRUCT(event_end);
LAYOUT_STRUCT(event);
LAYOUT_STRUCT(capture_order);
LAYOUT_STRUCT(capture_head);
LAYOUT_STRUCT(counter_key);
LAYOUT_STRUCT(counter_value);
LAYOUT_STRUCT(fragment_key);
LAYOUT_STRUCT(datagram);
LAYOUT_STRUCT(fragment_start);
LAYOUT_STRUCT(proxy_state);

LAYOUT_ENUM(address_family);
LAYOUT_ENUM(control_word);
LAYOUT_ENUM(control_size);
LAYOUT_ENUM(reserved_identity);
LAYOUT_ENUM(identity_range);
LAYOUT_ENUM(endpoint_flag);
LAYOUT_ENUM(endpoint_number);
LAYOUT_ENUM(ipcache_prefix);
LAYOUT_ENUM(direction);
LAYOUT_ENUM(verdict);
LAYOUT_ENUM(policy_prefix);
LAYOUT_ENUM(policy_flag);
LAYOUT_ENUM(policy_match);
LAYOUT_ENUM(policy_tier);
LAYOUT_ENUM(policy_lookup);
LAYOUT_ENUM(connection_end);
LAYOUT_ENUM(connection_leg);
LAYOUT_ENUM(connection_proxied);
LAYOUT_ENUM(proxy_mark);
LAYOUT_ENUM(proxy_route);
LAYOUT_ENUM(proxy_listener);
LAYOUT_ENUM(connection_flag);
LAYOUT_ENUM(nat_side);
LAYOUT_ENUM(nat_flag);
LAYOUT_ENUM(nat_counter);
LAYOUT_ENUM(masquerade_range);
LAYOUT_ENUM(event_type);
LAYOUT_ENUM(event_hook);
LAYOUT_ENUM(capture_size);
LAYOUT_ENUM(source_file);
LAYOUT_ENUM(drop_reason);
