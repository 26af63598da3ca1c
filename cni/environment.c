// SPDX-License-Identifier: Apache-2.0
#include "environment.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "output.h"

const char *const command_names[COMMANDS] = { "ADD", "DEL", "CHECK", "STATUS", "GC" };

/* What a command needs; CNI_PATH is given by every runtime, but only GC is told to insist on it. */
static const struct {
	bool container, netns, path;
} requirements[COMMANDS] = {
	[COMMAND_ADD] = { .container = true, .netns = true },
	[COMMAND_DEL] = { .container = true },
	[COMMAND_CHECK] = { .container = true, .netns = true },
	[COMMAND_GC] = { .path = true },
};

static const char *const known_arguments[] = {
	"K8S_POD_NAMESPACE",
	"K8S_POD_NAME",
	"K8S_POD_UID",
	"K8S_POD_INFRA_CONTAINER_ID",
};

const char *variable(const char *name)
{
	return getenv(name) ?: "";
}

enum command read_command(void)
{
	const char *given = variable("CNI_COMMAND");

	for (enum command command = 0; command < COMMANDS; command++)
		if (strcmp(given, command_names[command]) == 0)
			return command;
	fail(ERROR_INVALID_ENVIRONMENT, "CNI_COMMAND: %s is not a command that weir-cni knows",
	     quoted(given));
}

static char *join(char *list, const char *separator, char *item)
{
	return list ? text("%s%s%s", list, separator, item) : item;
}

static bool is_container_id(const char *id)
{
	size_t length = strlen(id);

	if (length > 253 || !isalnum((unsigned char)id[0]))
		return false;
	for (size_t i = 0; i < length; i++)
		if (!isalnum((unsigned char)id[i]) && !strchr("_.-", id[i]))
			return false;
	return true;
}

/* Linux's rules for the name of a device. */
static const char *refuse_interface_name(const char *name)
{
	if (strlen(name) > 15)
		return "is longer than 15 bytes";
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return "is the name of a folder";
	for (const char *at = name; *at; at++)
		if (*at == '/' || *at == ':' || isspace((unsigned char)*at))
			return "has a \"/\", a \":\" or white space";
	return NULL;
}

/* Bytes of keys that an error tells of: each key copies all before it. */
enum { UNKNOWN_TOLD = 1000 };

static bool is_known_argument(const char *key)
{
	for (size_t i = 0; i < sizeof(known_arguments) / sizeof(*known_arguments); i++)
		if (strcmp(key, known_arguments[i]) == 0)
			return true;
	return false;
}

/*
 * Reads `KEY=VALUE;KEY=VALUE` into an object. Keys that are not known are an error
 * unless IgnoreUnknown is true, as in the library that runtimes are made with.
 * Gives what is wrong, or NULL.
 */
static char *parse_arguments(const char *given, json_t *arguments)
{
	bool ignore = false;
	char *unknown = NULL, *rest = text("%s", given), *pair;

	while ((pair = strsep(&rest, ";"))) {
		if (*pair == '\0')
			continue;
		char *value = strchr(pair, '=');
		if (!value || value == pair)
			return text("CNI_ARGS %s is not KEY=VALUE", quoted(pair));
		*value++ = '\0';
		if (strcmp(pair, "IgnoreUnknown") == 0) {
			ignore = strcmp(value, "1") == 0 || strcasecmp(value, "true") == 0;
			if (!ignore && strcmp(value, "0") != 0 && strcasecmp(value, "false") != 0)
				return text("CNI_ARGS IgnoreUnknown=%s is neither true nor false",
					    quoted(value));
			continue;
		}
		if (!is_known_argument(pair)) {
			if (!unknown || strlen(unknown) < UNKNOWN_TOLD)
				unknown = join(unknown, ", ", quoted(pair));
		} else if (json_object_set_new(arguments, pair, json_string(value)) < 0) {
			return text("CNI_ARGS %s is not UTF-8", quoted(pair));
		}
	}
	if (unknown && !ignore)
		return text("CNI_ARGS has the unknown keys %s, and no IgnoreUnknown=true", unknown);
	return NULL;
}

static char *find_missing(enum command command)
{
	char *missing = NULL;

	if (requirements[command].container && *variable("CNI_CONTAINERID") == '\0')
		missing = join(missing, ", ", "CNI_CONTAINERID");
	if (requirements[command].netns && *variable("CNI_NETNS") == '\0')
		missing = join(missing, ", ", "CNI_NETNS");
	if (requirements[command].container && *variable("CNI_IFNAME") == '\0')
		missing = join(missing, ", ", "CNI_IFNAME");
	if (requirements[command].path && *variable("CNI_PATH") == '\0')
		missing = join(missing, ", ", "CNI_PATH");
	return missing;
}

static char *find_malformed(const struct environment *environment)
{
	const char *netns = environment->netns;
	char *problems = NULL;

	if (*environment->container_id && !is_container_id(environment->container_id))
		problems = join(
			problems, "; ",
			text("CNI_CONTAINERID %s is not letters, digits, \"_\", \".\" and \"-\"",
			     quoted(environment->container_id)));
	const char *reason = refuse_interface_name(environment->if_name);
	if (reason)
		problems = join(problems, "; ",
				text("CNI_IFNAME %s %s", quoted(environment->if_name), reason));
	json_t *as_json = json_string(netns);
	if (*netns && (*netns != '/' || !as_json))
		problems = join(problems, "; ",
				text("CNI_NETNS %s is not an absolute path", quoted(netns)));
	json_decref(as_json);
	char *wrong_arguments = parse_arguments(variable("CNI_ARGS"), environment->arguments);
	if (wrong_arguments)
		problems = join(problems, "; ", wrong_arguments);
	return problems;
}

struct environment read_environment(enum command command)
{
	bool container = requirements[command].container;
	struct environment environment = {
		.command = command,
		.container_id = container ? variable("CNI_CONTAINERID") : "",
		.if_name = container ? variable("CNI_IFNAME") : "",
		.netns = container ? variable("CNI_NETNS") : "",
		.path = variable("CNI_PATH"),
		.arguments = need(json_object()),
	};
	char *missing = find_missing(command);
	char *malformed = container ? find_malformed(&environment) : NULL;

	if (missing)
		missing = text("required environment variables are missing: %s", missing);
	if (malformed)
		malformed = text("invalid environment variables: %s", malformed);
	if (missing || malformed)
		fail(ERROR_INVALID_ENVIRONMENT, "%s",
		     missing && malformed ? join(missing, "; ", malformed) :
		     missing		  ?:
					    malformed);
	return environment;
}

struct namespace open_namespace(const char *path)
{
	struct statfs system;
	struct stat its, own;
	/* Without O_NONBLOCK a named pipe would keep the process until somebody writes to it. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		fail(ERROR_INVALID_ENVIRONMENT, "CNI_NETNS %s cannot be opened: %s", quoted(path),
		     strerror(errno));
	if (fstatfs(fd, &system) < 0 || system.f_type != NSFS_MAGIC ||
	    ioctl(fd, NS_GET_NSTYPE) != CLONE_NEWNET)
		fail(ERROR_INVALID_ENVIRONMENT, "CNI_NETNS %s is not a network namespace",
		     quoted(path));
	if (fstat(fd, &its) < 0 || stat("/proc/self/ns/net", &own) < 0)
		fail(ERROR_INTERNAL, "look at CNI_NETNS %s: %s", quoted(path), strerror(errno));
	if (its.st_dev == own.st_dev && its.st_ino == own.st_ino)
		fail(ERROR_INVALID_NETNS,
		     "CNI_NETNS %s is the network namespace of the node itself", quoted(path));
	return (struct namespace){ .fd = fd,
				   .device = (json_int_t)its.st_dev,
				   .inode = (json_int_t)its.st_ino };
}
