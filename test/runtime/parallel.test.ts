import { expect, test } from "vitest";
import { inContainer } from "./containers.ts";
import { expectOnly, tracesOn } from "./traces.ts";
import { useContainerd } from "./use-containerd.ts";

const runtime = useContainerd();
const count = 20;

test(
  "twenty pods at once have an address each, reach each other, and leave nothing",
  { timeout: 180_000 },
  async () => {
    const { node, containerd } = runtime();
    const before = await tracesOn(node);
    const names = Array.from({ length: count }, (_, index) => `pod-${index}`);
    const pods = await Promise.all(names.map((name) => containerd.runPod({ name })));
    expect(new Set(pods.map(({ ipv4 }) => ipv4)).size).toBe(count);
    expect(new Set(pods.map(({ ipv6 }) => ipv6)).size).toBe(count);
    const [first] = pods;
    const program = inContainer(await (first as (typeof pods)[number]).container("main"));
    expect(await program.silent(...pods.flatMap(({ ipv4, ipv6 }) => [ipv4, ipv6]))).toEqual([]);
    await Promise.all(pods.map((pod) => pod.remove()));
    await expectOnly(before, node);
  },
);
