import { expect, test } from "vitest";
import { mustRun } from "#agent/local/command.ts";
import { inContainer } from "./containers.ts";
import { weirNetwork } from "./cni-folders.ts";
import { expectOnly, tracesOn } from "./traces.ts";
import { useContainerd } from "./use-containerd.ts";

const runtime = useContainerd();

/** What libcni keeps of a result, for CHECK and DEL. */
interface CachedResult {
  readonly result: { readonly cniVersion: string };
}

test.for(["0.3.1", "0.4.0", "1.0.0"])("containerd takes and undoes attachments of CNI version %s", async (version) => {
  const { node, containerd } = runtime();
  await containerd.useNetwork(weirNetwork(node, { cniVersion: version }));
  const before = await tracesOn(node);
  const pods = [await containerd.runPod({ name: "one" }), await containerd.runPod({ name: "two" })] as const;
  const [one, two] = pods;
  const program = inContainer(await one.container("main"));
  expect(await program.silent(two.ipv4, two.ipv6)).toEqual([]);
  const cached = await mustRun(node.enter(["cat", `/var/lib/cni/results/weir-${one.id}-eth0`]));
  expect((JSON.parse(cached) as CachedResult).result.cniVersion).toBe(version);
  for (const pod of pods) await pod.remove();
  await expectOnly(before, node);
});
