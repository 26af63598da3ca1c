// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * The network configuration on stdin, as far as the plugin itself needs it; the agent reads the rest.
 */
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "environment.h"

struct config {
	/* As the runtime wrote it. */
	const char *bytes;
	size_t length;
	json_t *object;
	/* Where the agent's socket is. */
	const char *run_dir;
	/* Name of the IPAM plugin that addresses come from; NULL: the agent gives them. */
	const char *ipam;
};

/* All of stdin; ends the process when it cannot be read or is longer than 8 MiB. */
char *read_input(size_t *length);
/* The answer to VERSION; input that is no JSON is passed over. */
json_t *version_answer(const char *bytes, size_t length);
/*
 * Parses and checks; ends the process when something is wrong. Sets the version of errors and the log.
 * `is_ipam`: the plugin runs for another one, and its own options are in the object `ipam`.
 */
struct config read_config(const char *bytes, size_t length, const struct environment *environment,
			  bool is_ipam);
/* The version of the configuration, for errors before it is checked. */
void note_version(const char *bytes, size_t length);
