// SPDX-License-Identifier: Apache-2.0
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

const char *error_version = "1.1.0";

static struct {
	enum log_level least;
	const char *file;
	json_t *fields;
} log_state = { .least = LOG_WARN };

static const char *const level_names[] = { "debug", "info", "warn", "error" };

static char *format_text(const char *format, va_list arguments)
{
	char *result;

	if (vasprintf(&result, format, arguments) < 0)
		abort();
	return result;
}

char *text(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	char *result = format_text(format, arguments);
	va_end(arguments);
	return result;
}

char *quoted(const char *value)
{
	size_t length = strnlen(value, 200);
	char *result = malloc(4 * length + 3), *end = result;

	if (!result)
		abort();
	*end++ = '"';
	for (size_t i = 0; i < length; i++) {
		unsigned char byte = (unsigned char)value[i];
		if (byte < 0x20 || byte > 0x7e)
			end += sprintf(end, "\\x%02x", byte);
		else
			*end++ = (char)byte;
	}
	strcpy(end, "\"");
	return result;
}

json_t *need(json_t *value)
{
	if (!value)
		fail(ERROR_INTERNAL, "write JSON: no memory, or a text that is not UTF-8");
	return value;
}

static int write_all(int fd, const char *bytes, size_t length)
{
	while (length > 0) {
		ssize_t written = write(fd, bytes, length);
		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return -1;
		bytes += written;
		length -= (size_t)written;
	}
	return 0;
}

void log_configure(enum log_level least, const char *file, json_t *fields)
{
	log_state.least = least;
	log_state.file = file;
	log_state.fields = fields;
}

static char *log_line(enum log_level level, const char *message)
{
	struct timespec now;
	struct tm utc;
	char date[32];

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &utc);
	json_t *line = json_pack("{s:s, s:o}", "level", level_names[level], "time",
				 json_string(text("%s.%03ldZ", date, now.tv_nsec / 1000000)));
	if (line && log_state.fields)
		json_object_update(line, log_state.fields);
	if (line)
		json_object_set_new(line, "msg", json_string(message));
	char *result = line ? json_dumps(line, JSON_COMPACT) : NULL;
	return result ? text("%s\n", result) : text("%s\n", message);
}

/* A log that cannot be written must not keep a container from its network. */
void log_write(enum log_level level, const char *format, ...)
{
	va_list arguments;

	if (level < log_state.least)
		return;
	va_start(arguments, format);
	char *line = log_line(level, format_text(format, arguments));
	va_end(arguments);
	int fd = log_state.file ?
			 open(log_state.file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640) :
			 STDERR_FILENO;
	if (fd >= 0 && write_all(fd, line, strlen(line)) == 0) {
		if (log_state.file)
			close(fd);
		return;
	}
	dprintf(STDERR_FILENO, "write log %s: %s\n%s", log_state.file ?: "to stderr",
		strerror(errno), line);
}

void finish(json_t *output, int exit_code)
{
	if (output && !json_is_null(output)) {
		char *bytes = json_dumps(output, JSON_COMPACT | JSON_ENCODE_ANY);
		if (!bytes || write_all(STDOUT_FILENO, bytes, strlen(bytes)) < 0) {
			dprintf(STDERR_FILENO, "write the result to stdout: %s\n", strerror(errno));
			exit_code = 1;
		}
	}
	_exit(exit_code);
}

void fail(enum error_code code, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	char *message = format_text(format, arguments);
	va_end(arguments);
	if (log_state.fields)
		log_write(LOG_ERROR, "%s (code %d)", message, code);
	json_t *output = json_pack("{s:s, s:i, s:s}", "cniVersion", error_version, "code",
				   (int)code, "msg", message);
	if (!output)
		_exit(1);
	finish(output, 1);
}
