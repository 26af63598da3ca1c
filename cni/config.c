// SPDX-License-Identifier: Apache-2.0
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "output.h"

/* Oldest first. */
static const char *const versions[] = { "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0" };
#define VERSIONS (sizeof(versions) / sizeof(*versions))
#define SUPPORTED "supported versions: 0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0"

/* The first version that has a command. */
static const char *const since[COMMANDS] = {
	[COMMAND_ADD] = "0.3.0",    [COMMAND_DEL] = "0.3.0", [COMMAND_CHECK] = "0.4.0",
	[COMMAND_STATUS] = "1.1.0", [COMMAND_GC] = "1.1.0",
};

enum { INPUT_LIMIT = 8 << 20 };

char *read_input(size_t *length)
{
	size_t capacity = 64 << 10, used = 0;
	char *bytes = malloc(capacity);

	for (;;) {
		if (!bytes)
			fail(ERROR_IO, "read network configuration from stdin: no memory");
		ssize_t got = read(STDIN_FILENO, bytes + used, capacity - used);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			fail(ERROR_IO, "read network configuration from stdin: %s",
			     strerror(errno));
		if (got == 0)
			break;
		used += (size_t)got;
		if (used > INPUT_LIMIT)
			fail(ERROR_IO,
			     "read network configuration from stdin: it has more than %d bytes",
			     INPUT_LIMIT);
		if (used == capacity)
			bytes = realloc(bytes, capacity *= 2);
	}
	*length = used;
	return bytes;
}

static int version_index(const char *version)
{
	for (size_t i = 0; version && i < VERSIONS; i++)
		if (strcmp(version, versions[i]) == 0)
			return (int)i;
	return -1;
}

json_t *version_answer(const char *bytes, size_t length)
{
	json_t *input = json_loadb(bytes, length, 0, NULL);
	const char *asked = json_string_value(json_object_get(input, "cniVersion"));
	json_t *supported = need(json_array());

	for (size_t i = 0; i < VERSIONS; i++)
		json_array_append_new(supported, json_string(versions[i]));
	return need(json_pack("{s:s, s:o}", "cniVersion", asked ?: versions[VERSIONS - 1],
			      "supportedVersions", supported));
}

void note_version(const char *bytes, size_t length)
{
	json_t *input = json_loadb(bytes, length, 0, NULL);
	int index = version_index(json_string_value(json_object_get(input, "cniVersion")));

	if (index >= 0)
		error_version = versions[index];
}

static void check_version(json_t *config, enum command command)
{
	json_t *version = json_object_get(config, "cniVersion");
	int index = version_index(json_string_value(version));

	if (!version)
		fail(ERROR_INCOMPATIBLE_VERSION,
		     "cniVersion is missing from the network configuration; " SUPPORTED);
	if (!json_is_string(version))
		fail(ERROR_INCOMPATIBLE_VERSION,
		     "cniVersion is not supported: it is no text; " SUPPORTED);
	if (index < 0)
		fail(ERROR_INCOMPATIBLE_VERSION, "cniVersion %s is not supported; " SUPPORTED,
		     json_dumps(version, JSON_COMPACT | JSON_ENCODE_ANY));
	error_version = versions[index];
	if (index < version_index(since[command]))
		fail(ERROR_INCOMPATIBLE_VERSION,
		     "cniVersion %s does not have %s, which came with %s; " SUPPORTED,
		     versions[index], command_names[command], since[command]);
}

_Noreturn static void refuse(const char *field, json_t *value, const char *wanted)
{
	if (!value)
		fail(ERROR_INVALID_CONFIG,
		     "invalid network configuration: %s is missing, must be %s", field, wanted);
	/* In ASCII, so that no character is cut in two: what is no UTF-8 could not be told at all. */
	char *given = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
	fail(ERROR_INVALID_CONFIG, "invalid network configuration: %s: %.200s is not %s", field,
	     given ?: "its value", wanted);
}

/* A text, or NULL when the field is absent or null, as some runtimes write for absent. */
static const char *optional_text(json_t *object, const char *key, const char *field,
				 const char *wanted)
{
	json_t *value = json_object_get(object, key);

	if (!value || json_is_null(value))
		return NULL;
	if (!json_is_string(value))
		refuse(field, value, wanted);
	return json_string_value(value);
}

static const char *optional_path(json_t *object, const char *key, const char *field)
{
	const char *path = optional_text(object, key, field, "an absolute path");

	if (path && *path != '/')
		refuse(field, json_object_get(object, key), "an absolute path");
	return path;
}

static void check_name(json_t *config)
{
	static const char wanted[] = "letters, digits, \"_\", \".\" and \"-\"";
	json_t *value = json_object_get(config, "name");
	const char *name = json_string_value(value);

	if (!name || !isalnum((unsigned char)*name))
		refuse("name", value, wanted);
	for (; *name; name++)
		if (!isalnum((unsigned char)*name) && !strchr("_.-", *name))
			refuse("name", value, wanted);
}

/* The name of a program, which must not lead out of the folder of plugins. */
static const char *plugin_name(json_t *object, const char *field)
{
	static const char wanted[] = "a name without slashes";
	const char *name = optional_text(object, "type", field, wanted);

	if (name && (strpbrk(name, "/\\") || *name == '\0' || strcmp(name, ".") == 0 ||
		     strcmp(name, "..") == 0))
		refuse(field, json_object_get(object, "type"), wanted);
	return name;
}

static enum log_level log_level(json_t *options, const char *field)
{
	static const char *const names[] = { "debug", "info", "warn", "error" };
	static const char wanted[] = "one of debug, info, warn, error";
	const char *name = optional_text(options, "logLevel", field, wanted);

	if (!name)
		return LOG_WARN;
	for (int level = LOG_DEBUG; level <= LOG_ERROR; level++)
		if (strcmp(name, names[level]) == 0)
			return (enum log_level)level;
	refuse(field, json_object_get(options, "logLevel"), wanted);
}

struct config read_config(const char *bytes, size_t length, const struct environment *environment,
			  bool is_ipam)
{
	json_error_t reason;
	struct config config = { .bytes = bytes, .length = length };

	config.object = json_loadb(bytes, length, 0, &reason);
	if (!config.object)
		fail(ERROR_DECODE, "decode network configuration: %s, at line %d, column %d",
		     reason.text, reason.line, reason.column);
	if (!json_is_object(config.object))
		fail(ERROR_DECODE, "decode network configuration: it is not an object");
	check_version(config.object, environment->command);
	check_name(config.object);
	if (!plugin_name(config.object, "type") && json_object_get(config.object, "plugins"))
		fail(ERROR_INVALID_CONFIG,
		     "invalid network configuration: type is missing; this is a list (it has "
		     "plugins): a plugin is given one entry of it");
	json_t *ipam = json_object_get(config.object, "ipam");
	if (ipam && !json_is_null(ipam) && !json_is_object(ipam))
		refuse("ipam", ipam, "an object");
	const char *ipam_type = plugin_name(ipam, "ipam.type");
	json_t *options = is_ipam ? ipam : config.object;
	/* The agent's own addresses go with the interface. */
	config.ipam =
		is_ipam || (ipam_type && strcmp(ipam_type, "weir-ipam") == 0) ? NULL : ipam_type;
	config.run_dir =
		optional_path(options, "runDir", is_ipam ? "ipam.runDir" : "runDir") ?: "/run/weir";
	const char *log_file =
		optional_path(options, "logFile", is_ipam ? "ipam.logFile" : "logFile");
	enum log_level level = log_level(options, is_ipam ? "ipam.logLevel" : "logLevel");
	json_t *fields =
		json_pack("{s:s, s:s, s:s}", "command", command_names[environment->command],
			  "containerId", environment->container_id, "ifName", environment->if_name);
	log_configure(level, log_file, need(fields));
	return config;
}
