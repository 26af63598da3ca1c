// SPDX-License-Identifier: Apache-2.0
#include "delegate.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "output.h"

enum { OUTPUT_LIMIT = 8 << 20 };

static char *find_plugin(const char *plugin, const char *path)
{
	char *rest = text("%s", path), *folder;
	struct stat file;

	while ((folder = strsep(&rest, ":"))) {
		char *candidate = text("%s/%s", folder, plugin);
		if (*folder && stat(candidate, &file) == 0 && S_ISREG(file.st_mode) &&
		    access(candidate, X_OK) == 0)
			return candidate;
	}
	if (*path == '\0')
		fail(ERROR_DELEGATE, "run IPAM plugin %s: CNI_PATH, which says where, is not set",
		     quoted(plugin));
	fail(ERROR_DELEGATE, "run IPAM plugin %s: it is not in CNI_PATH %s", quoted(plugin),
	     quoted(path));
}

/* A file in memory: a pipe would have to be written and read at the same time. */
static int input_file(const char *bytes, size_t length)
{
	int fd = memfd_create("cni-config", MFD_CLOEXEC);

	for (size_t done = 0; fd >= 0 && done < length;) {
		ssize_t written = write(fd, bytes + done, length - done);
		if (written < 0)
			return -1;
		done += (size_t)written;
	}
	return fd >= 0 && lseek(fd, 0, SEEK_SET) == 0 ? fd : -1;
}

static char *read_output(int fd, const char *plugin)
{
	size_t capacity = 64 << 10, used = 0;
	char *bytes = malloc(capacity);

	while (bytes) {
		ssize_t got = read(fd, bytes + used, capacity - used - 1);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			bytes[used] = '\0';
			return bytes;
		}
		used += (size_t)got;
		if (used > OUTPUT_LIMIT)
			break;
		if (used == capacity - 1)
			bytes = realloc(bytes, capacity *= 2);
	}
	fail(ERROR_DELEGATE, "run IPAM plugin %s: it says more than %d bytes", quoted(plugin),
	     OUTPUT_LIMIT);
}

struct delegate_result run_delegate(const char *plugin, const char *command, const char *path,
				    const char *input, size_t length)
{
	char *program = find_plugin(plugin, path);
	int output[2], status, stdin_fd = input_file(input, length);

	if (stdin_fd < 0 || pipe(output) < 0)
		fail(ERROR_DELEGATE, "run IPAM plugin %s: %s", quoted(plugin), strerror(errno));
	pid_t child = fork();
	if (child < 0)
		fail(ERROR_DELEGATE, "run IPAM plugin %s: %s", quoted(plugin), strerror(errno));
	if (child == 0) {
		dup2(stdin_fd, STDIN_FILENO);
		dup2(output[1], STDOUT_FILENO);
		close(output[0]);
		close(output[1]);
		signal(SIGPIPE, SIG_DFL);
		setenv("CNI_COMMAND", command, true);
		execl(program, program, (char *)NULL);
		_exit(127);
	}
	close(stdin_fd);
	close(output[1]);
	char *said = read_output(output[0], plugin);
	close(output[0]);
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			fail(ERROR_DELEGATE, "wait for IPAM plugin %s: %s", quoted(plugin),
			     strerror(errno));
	int exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	return (struct delegate_result){ .exit_code = exit_code, .output = said };
}
