// SPDX-License-Identifier: Apache-2.0
/*
 * The CNI plugins `weir-cni` and, under that name, `weir-ipam`: environment and stdin in, one JSON object on
 * stdout out. The agent does the work; what is here is what has to be done beside it or without it.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "absent.h"
#include "agent.h"
#include "config.h"
#include "delegate.h"
#include "environment.h"
#include "output.h"

struct call {
	struct environment environment;
	struct config config;
	bool is_ipam;
	/* All of the request but `resume`, which differs from step to step, and the closing brace. */
	char *request;
};

/* Tells this call from every other one, so that an agent that is asked twice does it once. */
static char *random_token(void)
{
	unsigned long long number;

	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		fail(ERROR_INTERNAL, "read random bytes");
	return text("%016llx", number);
}

static char *request_text(const struct call *call)
{
	const struct environment *environment = &call->environment;
	json_t *request = need(json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:O}", "plugin",
					 call->is_ipam ? "weir-ipam" : "weir-cni", "command",
					 command_names[environment->command], "token",
					 random_token(), "containerId", environment->container_id,
					 "ifName", environment->if_name, "netns",
					 environment->netns, "args", environment->arguments));
	bool needs_namespace =
		environment->command == COMMAND_ADD || environment->command == COMMAND_CHECK;

	if (needs_namespace && !call->is_ipam) {
		struct namespace namespace = open_namespace(environment->netns);
		json_object_set_new(
			request, "namespace",
			need(json_pack("{s:I, s:I, s:i, s:i}", "device", namespace.device, "inode",
				       namespace.inode, "pid", getpid(), "fd", namespace.fd)));
	}
	char *bytes = json_dumps(request, JSON_COMPACT);
	/* The configuration goes on as it came. */
	return text("%.*s,\"config\":%.*s", (int)strlen(bytes) - 1, bytes, (int)call->config.length,
		    call->config.bytes);
}

static char *with_resume(const struct call *call, json_t *resume)
{
	return resume ? text("%s,\"resume\":%s}", call->request, json_dumps(resume, JSON_COMPACT)) :
			text("%s}", call->request);
}

static struct delegate_result run_plugin(const struct call *call, const char *plugin,
					 const char *command)
{
	return run_delegate(plugin, command, call->environment.path, call->config.bytes,
			    call->config.length);
}

/*
 * DEL without an agent: it releases the attachment when it is there again. An agent that cannot be reached must
 * not keep containers from going.
 */
_Noreturn static void delete_without_agent(const struct call *call, char *reason)
{
	struct attachment attachment = {
		.container_id = call->environment.container_id,
		.if_name = call->environment.if_name,
		.is_ipam = call->is_ipam,
	};

	leave_delete_request(call->config.run_dir, &attachment);
	log_write(LOG_WARN, "left a delete request for the agent: %s", reason);
	if (!call->is_ipam)
		remove_interface(&attachment);
	if (call->config.ipam) {
		struct delegate_result result = run_plugin(call, call->config.ipam, "DEL");
		json_t *error = json_loads(result.output, 0, NULL);
		if (result.exit_code != 0 && json_is_object(error))
			finish(error, 1);
		if (result.exit_code != 0)
			fail(ERROR_DELEGATE, "DEL by IPAM plugin %s: exit code %d",
			     quoted(call->config.ipam), result.exit_code);
	}
	finish(NULL, 0);
}

static json_t *ask(const struct call *call, json_t *resume)
{
	enum command command = call->environment.command;
	bool is_patient =
		command == COMMAND_ADD || command == COMMAND_CHECK || command == COMMAND_GC;
	char *request = with_resume(call, resume);
	struct answer answer = is_patient ? ask_agent_patiently(call->config.run_dir, request) :
					    ask_agent(call->config.run_dir, request);

	if (answer.reach == REACH_ANSWERED)
		return answer.body;
	if (command == COMMAND_DEL)
		delete_without_agent(call, answer.reason);
	/* The programs in the kernel go on without the agent: containers that exist are not limited. */
	fail(command == COMMAND_STATUS ? ERROR_UNAVAILABLE : ERROR_TRY_AGAIN, "%s: %s",
	     command_names[command], answer.reason);
}

/* Runs what the agent wants run, until it has an answer to print. */
_Noreturn static void perform(const struct call *call)
{
	json_t *resume = NULL;

	for (;;) {
		json_t *answer = ask(call, resume), *run = json_object_get(answer, "run");
		if (!run) {
			json_t *exit_code = json_object_get(answer, "exitCode");
			log_write(LOG_INFO, "done, exit code %d",
				  (int)json_integer_value(exit_code));
			finish(json_object_get(answer, "output"),
			       json_is_integer(exit_code) ? (int)json_integer_value(exit_code) : 1);
		}
		const char *plugin = json_string_value(json_object_get(run, "plugin"));
		const char *command = json_string_value(json_object_get(run, "command"));
		if (!plugin || !command || strchr(plugin, '/'))
			fail(ERROR_AGENT, "the agent's answer is not as it should be: %s",
			     json_dumps(answer, JSON_COMPACT));
		struct delegate_result result = run_plugin(call, plugin, command);
		resume = need(json_pack("{s:O, s:i, s:s}", "state", json_object_get(run, "state"),
					"exitCode", result.exit_code, "output", result.output));
	}
}

static bool is_named(const char *program, const char *name)
{
	const char *slash = strrchr(program, '/');

	return strcmp(slash ? slash + 1 : program, name) == 0;
}

int main(int count, char **words)
{
	size_t length;
	struct call call = { .is_ipam = count > 0 && is_named(words[0], "weir-ipam") };

	signal(SIGPIPE, SIG_IGN);
	/* A runtime that ignores its children's ends would make us miss those of IPAM plugins. */
	signal(SIGCHLD, SIG_DFL);
	if (*variable("CNI_COMMAND") == '\0') {
		dprintf(STDERR_FILENO,
			"%s, a CNI plugin; it is run by container runtimes. CNI 0.3.0, 0.3.1, "
			"0.4.0, 1.0.0, 1.1.0\n",
			call.is_ipam ? "weir-ipam" : "weir-cni");
		return 0;
	}
	if (strcmp(variable("CNI_COMMAND"), "VERSION") == 0) {
		char *input = read_input(&length);
		finish(version_answer(input, length), 0);
	}
	enum command command = read_command();
	char *input = read_input(&length);
	note_version(input, length);
	call.environment = read_environment(command);
	call.config = read_config(input, length, &call.environment, call.is_ipam);
	call.request = request_text(&call);
	perform(&call);
}
