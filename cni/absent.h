// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * What DEL does when no agent answers. The shapes of the file and of the interface's name are told in
 * agent/api/delete-request.ts and agent/api/host-interface.ts.
 */
#include <stdbool.h>

struct attachment {
	const char *container_id;
	const char *if_name;
	/* Whether it is addresses that the plugin gave to another one, and no interface. */
	bool is_ipam;
};

/*
 * Leaves a request for the agent to release an attachment, whole or not at all.
 * Ends the process with "try again" when it cannot be left.
 */
void leave_delete_request(const char *run_dir, const struct attachment *attachment);
/* Removes the attachment's veth by its host side, if there is one. */
void remove_interface(const struct attachment *attachment);
