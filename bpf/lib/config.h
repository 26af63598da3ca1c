/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#pragma once

#include <bpf/bpf_helpers.h>

#include "shared/config.h"

/* The agent writes it before load; the verifier then knows it as constant. */
const volatile struct datapath_config config SEC(".rodata.config") = {
	.tcp_syn_timeout = 60000000000ull,
	.tcp_established_timeout = 8000000000000ull,
	.tcp_close_timeout = 10000000000ull,
	.other_timeout = 60000000000ull,
	.trace_interval = 5000000000ull,
	.opening_budget = 8192,
	.masquerade_first = 1024,
	.masquerade_last = 65535,
	.masquerade = 1,
};
