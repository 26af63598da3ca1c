import { expect, test } from "vitest";
import type { CommandResult } from "#agent/local/command.ts";
import { until } from "#agent/local/until.ts";
import { inContainer } from "./containers.ts";
import { idle, imageName } from "./image.ts";
import { expectOnly, tracesOn } from "./traces.ts";
import { useContainerd } from "./use-containerd.ts";

const runtime = useContainerd();

/** The command that runs another one in a container. */
function execute(container: string): (...command: readonly string[]) => Promise<CommandResult> {
  return (...command) => runtime().containerd.ctr("tasks", "exec", "--exec-id", "only", container, ...command);
}

/** `ctr` calls DEL when the command ends that ran the container, without the path of its namespace. */
test("containers that `ctr run --cni` runs reach each other; they end, and nothing is left", async () => {
  const { node, containerd } = runtime();
  const before = await tracesOn(node);
  const run = (name: string) =>
    containerd.ctr("run", "--rm", "--cni", "--cgroup", `${containerd.cgroupParent}/${name}`, imageName, name, ...idle);
  const ended = [];
  for (const name of ["one", "two"]) {
    ended.push(run(name));
    await until(`the endpoint of ${name}`, async () =>
      (await node.client.endpoints()).some(
        ({ containerId, state }) => containerId === `default-${name}` && state === "ready",
      ),
    );
  }
  const [one, two] = await node.client.endpoints();
  expect(await inContainer(execute("one")).silent(two?.ipv4 ?? "", two?.ipv6 ?? "")).toEqual([]);
  expect(await inContainer(execute("two")).silent(one?.ipv4 ?? "", one?.ipv6 ?? "")).toEqual([]);

  for (const name of ["one", "two"]) {
    const { code, stderr } = await containerd.ctr("tasks", "kill", "--signal", "SIGKILL", name);
    expect([code, stderr]).toEqual([0, ""]);
  }
  // 128 and the signal's number.
  expect((await Promise.all(ended)).map(({ code }) => code)).toEqual([137, 137]);
  await expectOnly(before, node);
});
