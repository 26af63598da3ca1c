// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * The CNI_* variables, read once and checked: CNI specification, section 2, "Parameters".
 */
#include <jansson.h>
#include <stdbool.h>

enum command { COMMAND_ADD, COMMAND_DEL, COMMAND_CHECK, COMMAND_STATUS, COMMAND_GC, COMMANDS };

struct environment {
	enum command command;
	/* Empty where the command is about no container. */
	const char *container_id;
	/* Name of the interface inside the container. */
	const char *if_name;
	/* Path of the container's network namespace; empty: none is left (DEL). */
	const char *netns;
	/* Folders of plugins, with colons between them. */
	const char *path;
	/* CNI_ARGS without IgnoreUnknown: an object of texts. */
	json_t *arguments;
};

extern const char *const command_names[COMMANDS];

/* A variable's value; empty when it is not set. */
const char *variable(const char *name);
/* Reads CNI_COMMAND; ends the process when it is not a command. */
enum command read_command(void);
/* Reads what the command needs; whatever is missing or wrong is told at once, and ends the process. */
struct environment read_environment(enum command command);

/*
 * Opens a network namespace. Never waits, whatever the path leads to.
 * Ends the process when it is none, or the one that the process is in.
 */
struct namespace
{
	int fd;
	/* Tell the namespace from every other that lives now. */
	json_int_t device;
	json_int_t inode;
};
struct namespace open_namespace(const char *path);
