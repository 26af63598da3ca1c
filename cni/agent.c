// SPDX-License-Identifier: Apache-2.0
#include "agent.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "output.h"

/* Milliseconds: far more than the agent needs for one call, less than runtimes wait. */
enum { ANSWER_TIMEOUT = 30000 };
/* How long an agent that is not there is waited for: it may be between two lives. */
enum { ABSENT_PATIENCE = 3000 };
/* An agent whose process lives, but that does not listen or is busy: it starts, or stops for another. */
enum { BUSY_PATIENCE = 30000 };
enum { RETRY_INTERVAL = 10 };

static long milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static struct answer unreached(enum reach reach, char *reason)
{
	return (struct answer){ .reach = reach, .reason = reason };
}

static bool send_all(int fd, const char *bytes, size_t length)
{
	while (length > 0) {
		ssize_t sent = send(fd, bytes, length, MSG_NOSIGNAL);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return false;
		bytes += sent;
		length -= (size_t)sent;
	}
	return true;
}

/* To the end of the connection, as HTTP/1.0 has it; NULL: it was cut. */
static char *receive_all(int fd)
{
	size_t capacity = 64 << 10, used = 0;
	char *bytes = malloc(capacity);

	while (bytes) {
		ssize_t got = recv(fd, bytes + used, capacity - used - 1, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return NULL;
		if (got == 0) {
			bytes[used] = '\0';
			return bytes;
		}
		used += (size_t)got;
		if (used == capacity - 1)
			bytes = realloc(bytes, capacity *= 2);
	}
	return NULL;
}

static int connect_agent(const char *path, char **reason)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct timeval timeout = { .tv_sec = ANSWER_TIMEOUT / 1000 };

	if (strlen(path) >= sizeof(address.sun_path))
		fail(ERROR_INVALID_CONFIG,
		     "invalid network configuration: runDir: %s is too long for a socket",
		     quoted(path));
	strcpy(address.sun_path, path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		fail(ERROR_INTERNAL, "open a socket: %s", strerror(errno));
	/* The first also bounds how long connecting may take where others wait to be accepted. */
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	*reason = text("no agent answers on %s: %s; start it with `weir agent`, or name its run "
		       "folder by runDir",
		       path, strerror(errno));
	close(fd);
	return -1;
}

/* The body of an error of the API, `{"error": {"code", "message"}}`, in words. */
static char *refusal_text(int status, json_t *body)
{
	json_t *error = json_object_get(body, "error");
	const char *message = json_string_value(json_object_get(error, "message"));

	return message ? text("%s", message) : text("the agent answered with status %d", status);
}

static char *cut_reason(const char *path, int failure)
{
	if (failure == EAGAIN)
		return text("the agent on %s did not answer within %d s: it hangs; look at its "
			    "log, and restart it",
			    path, ANSWER_TIMEOUT / 1000);
	return text("the agent on %s went away before it answered%s%s", path, failure ? ": " : "",
		    failure ? strerror(failure) : "");
}

struct answer ask_agent(const char *run_dir, const char *request)
{
	char *reason = NULL, *path = text("%s/cni.sock", run_dir);
	int fd = connect_agent(path, &reason);

	if (fd < 0)
		return unreached(REACH_ABSENT, reason);
	char *head =
		text("POST /v1/cni HTTP/1.0\r\nHost: agent\r\nContent-Type: application/json\r\n"
		     "Content-Length: %zu\r\n\r\n",
		     strlen(request));
	char *message = text("%s%s", head, request);
	/* An agent that has enough of a request answers before it has read it all: so its answer is read in any case. */
	bool sent = send_all(fd, message, strlen(message));
	char *response = receive_all(fd);
	int failure = errno;
	close(fd);
	int status = 0;
	if (response)
		sscanf(response, "HTTP/%*d.%*d %d", &status);
	char *body = response ? strstr(response, "\r\n\r\n") : NULL;
	json_t *value = body ? json_loads(body + 4, 0, NULL) : NULL;
	if (!status || !value)
		return unreached(REACH_CUT, cut_reason(path, response && sent ? 0 : failure));
	if (status == 503)
		return unreached(REACH_BUSY, refusal_text(status, value));
	if (status != 200)
		fail(ERROR_AGENT, "ask the agent on %s: %s", path, refusal_text(status, value));
	return (struct answer){ .reach = REACH_ANSWERED, .body = value };
}

/* Whether the process of the pid file exists: an agent that starts writes the file before it listens. */
static bool agent_lives(const char *run_dir)
{
	int pid = 0;
	FILE *file = fopen(text("%s/agent.pid", run_dir), "re");

	if (!file)
		return false;
	bool read = fscanf(file, "%d", &pid) == 1;
	fclose(file);
	return read && pid > 0 && (kill(pid, 0) == 0 || errno == EPERM);
}

struct answer ask_agent_patiently(const char *run_dir, const char *request)
{
	const struct timespec interval = { .tv_nsec = RETRY_INTERVAL * 1000000L };
	long start = milliseconds();

	for (;;) {
		struct answer answer = ask_agent(run_dir, request);
		if (answer.reach == REACH_ANSWERED)
			return answer;
		bool lives = answer.reach == REACH_BUSY || agent_lives(run_dir);
		if (milliseconds() - start > (lives ? BUSY_PATIENCE : ABSENT_PATIENCE))
			return answer;
		nanosleep(&interval, NULL);
	}
}
