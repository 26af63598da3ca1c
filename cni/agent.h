// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * The agent that owns a run folder: one HTTP request a connection on its Unix socket.
 * The shapes are told in agent/api/cni.ts.
 */
#include <jansson.h>
#include <stdbool.h>

enum reach {
	/* The answer is there. */
	REACH_ANSWERED,
	/* Nobody listens: nothing was asked. */
	REACH_ABSENT,
	/* It is starting, stopping or has too much to do. */
	REACH_BUSY,
	/* It went away, or took too long, after it was asked: what it has done is not known. */
	REACH_CUT,
};

struct answer {
	enum reach reach;
	/* When answered: the agent's answer. */
	json_t *body;
	/* Otherwise: why not, in words. */
	char *reason;
};

/* Asks once. Ends the process when the agent refuses the request itself, which is an error of ours. */
struct answer ask_agent(const char *run_dir, const char *request);
/*
 * Asks until there is an answer: again and again while an agent that is away may come back. A call has a
 * token by which the agent knows it again, so that it is done once.
 */
struct answer ask_agent_patiently(const char *run_dir, const char *request);
