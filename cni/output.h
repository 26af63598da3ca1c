// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * What the plugin says: one JSON object on stdout, log lines elsewhere.
 */
#include <jansson.h>

/* Codes of errors: those of the CNI specification below 100, Weir's own from there; agent/cni/errors.ts has them all. */
enum error_code {
	ERROR_INCOMPATIBLE_VERSION = 1,
	ERROR_INVALID_ENVIRONMENT = 4,
	ERROR_IO = 5,
	ERROR_DECODE = 6,
	ERROR_INVALID_CONFIG = 7,
	/* The container's network namespace is the node's own. */
	ERROR_INVALID_NETNS = 8,
	ERROR_TRY_AGAIN = 11,
	/* STATUS: ADD would fail. */
	ERROR_UNAVAILABLE = 50,
	/* The agent's answer is none. */
	ERROR_AGENT = 100,
	/* The kernel refused to remove an interface. */
	ERROR_NETWORK = 102,
	/* An IPAM plugin could not be run. */
	ERROR_DELEGATE = 104,
	ERROR_INTERNAL = 199,
};

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* The version that errors are told in, until the configuration says another: the newest. */
extern const char *error_version;

/* Where and what is logged; without a file lines go to stderr. `fields` (an object) stand in every line. */
void log_configure(enum log_level least, const char *file, json_t *fields);
void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Prints an object to stdout, whole, and ends the process. */
_Noreturn void finish(json_t *output, int exit_code);
/* Ends the process with an error object. */
_Noreturn void fail(enum error_code code, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* A formatted text, never NULL; the process is over before it would have to be freed. */
char *text(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* A value as it can stand in a message: in quotes, bytes that are no printable ASCII as \xNN, cut at 200. */
char *quoted(const char *value);
/* Ends the process where jansson found no memory or no UTF-8. */
json_t *need(json_t *value);
