// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * Running another plugin on somebody's behalf: CNI specification, section 4, "Plugin Delegation".
 */
#include <stddef.h>

struct delegate_result {
	int exit_code;
	/* What it wrote to stdout. */
	char *output;
};

/*
 * Runs a plugin of CNI_PATH with this process's environment but for CNI_COMMAND, and the configuration on stdin.
 * Ends the process when there is no such plugin, or when it cannot be started.
 */
struct delegate_result run_delegate(const char *plugin, const char *command, const char *path,
				    const char *input, size_t length);
