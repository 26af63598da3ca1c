// SPDX-License-Identifier: Apache-2.0
#include "absent.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "output.h"

/* `weir` and eleven hexadecimal digits of a 64-bit FNV-1a hash. */
static char *interface_name(const struct attachment *attachment)
{
	uint64_t hash = 0xcbf29ce484222325;

	for (const char *at = text("%s/%s", attachment->container_id, attachment->if_name); *at;
	     at++)
		hash = (hash ^ (unsigned char)*at) * 0x100000001b3;
	return text("weir%011llx", (unsigned long long)((hash >> 20) ^ (hash & 0xfffff)));
}

static char *request_path(const char *run_dir, const struct attachment *attachment)
{
	return text("%s/deleted/%s%s.json", run_dir, interface_name(attachment),
		    attachment->is_ipam ? ".ipam" : "");
}

static char *utc_now(void)
{
	time_t now = time(NULL);
	struct tm utc;
	char date[32];

	gmtime_r(&now, &utc);
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%SZ", &utc);
	return text("%s", date);
}

static bool make_folder(const char *path)
{
	return mkdir(path, 0700) == 0 || errno == EEXIST;
}

/* Also the folder's entry is on the disk when this comes back true. */
static bool write_whole(const char *folder, const char *path, const char *bytes)
{
	char *temporary = text("%s.%d", path, getpid());
	int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	bool written = fd >= 0 && write(fd, bytes, strlen(bytes)) == (ssize_t)strlen(bytes) &&
		       fsync(fd) == 0;
	int failure = errno;

	if (fd >= 0)
		close(fd);
	if (written && rename(temporary, path) == 0) {
		int folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (folder_fd >= 0) {
			fsync(folder_fd);
			close(folder_fd);
		}
		return true;
	}
	failure = written ? errno : failure;
	unlink(temporary);
	errno = failure ?: ENOSPC;
	return false;
}

void leave_delete_request(const char *run_dir, const struct attachment *attachment)
{
	char *folder = text("%s/deleted", run_dir), *path = request_path(run_dir, attachment);
	json_t *request =
		need(json_pack("{s:i, s:s, s:s, s:s, s:s}", "version", 1, "containerId",
			       attachment->container_id, "ifName", attachment->if_name, "kind",
			       attachment->is_ipam ? "ipam" : "interface", "time", utc_now()));
	char *bytes = text("%s\n", json_dumps(request, JSON_COMPACT));

	if (!make_folder(run_dir) || !make_folder(folder) || !write_whole(folder, path, bytes))
		fail(ERROR_TRY_AGAIN, "leave delete request for the agent in %s: %s", path,
		     strerror(errno));
}

void remove_interface(const struct attachment *attachment)
{
	char *name = interface_name(attachment);
	unsigned int index = if_nametoindex(name);
	struct {
		struct nlmsghdr header;
		struct ifinfomsg link;
	} request = {
		.header = {
			.nlmsg_len = sizeof(request),
			.nlmsg_type = RTM_DELLINK,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK,
		},
		.link = {.ifi_index = (int)index},
	};
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
		char rest[4096];
	} reply = { 0 };

	if (index == 0)
		return;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (fd < 0 || send(fd, &request, sizeof(request), 0) < 0 ||
	    recv(fd, &reply, sizeof(reply), 0) < 0)
		fail(ERROR_NETWORK, "remove interface %s: %s", name, strerror(errno));
	close(fd);
	/* Somebody else was quicker: gone is gone. */
	if (reply.header.nlmsg_type == NLMSG_ERROR && reply.error.error &&
	    reply.error.error != -ENODEV)
		fail(ERROR_NETWORK, "remove interface %s: %s", name, strerror(-reply.error.error));
	log_write(LOG_INFO, "removed interface %s, since no agent did", name);
}
