import { expect, test } from "vitest";
import { prepare, useNode } from "#test/support/use-node.ts";
import { CniFolders, weirNetwork } from "./cni-folders.ts";
import { inContainer } from "./containers.ts";
import { idle, imageName } from "./image.ts";
import { Podman } from "./podman.ts";
import { expectOnly, tracesOn } from "./traces.ts";

const node = useNode({ ownMounts: true });
let podman: Podman;

prepare(async () => {
  const cni = new CniFolders(node());
  cni.use(weirNetwork(node()));
  podman = await Podman.prepare(node(), cni);
});

/** podman, where it has to succeed. */
async function run(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await podman.run(...args);
  if (code !== 0) expect.fail(`podman ${args.join(" ")}: exit code ${code}: ${stderr}`);
  return stdout;
}

test("containers that podman runs reach each other; removed, they leave nothing", async () => {
  const before = await tracesOn(node());
  const options = ["--detach", "--pull", "never", "--network", "weir", "--cgroup-parent", podman.cgroupParent];
  for (const name of ["one", "two"]) await run("run", ...options, "--name", name, imageName, ...idle);
  const [one, two] = await node().client.endpoints();
  const inside = (name: string) => inContainer((...command) => podman.run("exec", name, ...command));
  expect(await inside("one").silent(two?.ipv4 ?? "", two?.ipv6 ?? "")).toEqual([]);
  expect(await inside("two").silent(one?.ipv4 ?? "", one?.ipv6 ?? "")).toEqual([]);

  await run("rm", "--force", "--time", "0", "one", "two");
  await expectOnly(before, node());
});
