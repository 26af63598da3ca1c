import { expect, test } from "vitest";
import { prepare, useNode } from "#test/support/use-node.ts";
import { type Container, makeContainer, runtimeOf } from "./containers.ts";
import { expectError, expectSilence } from "./expect-error.ts";
import { expectState, type NodeState, nodeState } from "./node-state.ts";
import type { Runtime } from "./runtime.ts";

const node = useNode();
let runtime: Runtime;
let container: Container;
let before: NodeState;

prepare(async () => {
  runtime = runtimeOf(node());
  container = makeContainer(node(), "pod");
  // The first attachment of a kind leaves its identity and compiled policy for the next.
  await runtime.add(container);
  await runtime.delete(container);
  before = await nodeState(node());
});

const verbs = ["ADD", "DEL", "CHECK", "STATUS", "GC"] as const;

const call = async (verb: string, input: object | string, wrap: readonly string[] = []) =>
  runtime.call(verb, "weir-cni", runtime.variables(container), input, wrap);

const configWith = (changes: object) => ({
  ...runtime.config(container),
  "cni.dev/valid-attachments": [],
  ...changes,
});

test("code-5: a configuration that cannot be read is an error of input", async () => {
  for (const verb of verbs) expectError(await call(verb, "", ["sh", "-c", 'exec "$0" < /']), 5);
});

test("code-6: what is no JSON cannot be decoded", async () => {
  const texts = [
    "",
    "{",
    "nonsense",
    '{"cniVersion": }',
    "\0",
    '{"a": "\u0001"}',
    '{"name":"x"} {}',
    "x".repeat(2 ** 20),
  ];
  for (const verb of verbs) for (const text of texts) expectError(await call(verb, text), 6);
});

test("code-6: JSON that is no object, or is nested beyond reason, is refused without a crash", async () => {
  const texts = ["[]", "1", "null", '"x"', "[".repeat(100_000), '{"a":'.repeat(100_000)];
  for (const text of texts) expect([6, 7]).toContain((await call("ADD", text)).error?.code);
});

test("code-7, cni-1, cni-9, cni-11: a configuration that the specification does not allow is refused, and the field named", async () => {
  const wrong: Record<string, object[]> = {
    name: [{ name: undefined }, { name: "" }, { name: "-a" }, { name: "a/b" }, { name: "a b" }, { name: 7 }],
    type: [{ type: "../weir-cni" }, { type: "a\\b" }],
    "ipam.type": [{ ipam: { type: "../host-local" } }, { ipam: { type: "a\\b" } }],
    runDir: [{ runDir: "run/weir" }, { runDir: 1 }],
    mtu: [{ mtu: "large" }, { mtu: 0 }, { mtu: 70_000 }, { mtu: 1400.5 }],
    dns: [{ dns: "10.0.0.1" }, { dns: { nameservers: "10.0.0.1" } }],
    bandwidth: [{ runtimeConfig: { bandwidth: { ingressRate: -1 } } }],
  };
  for (const [field, changes] of Object.entries(wrong)) {
    for (const change of changes) {
      const { msg } = expectError(await call("ADD", configWith(change)), 7);
      expect(msg).toContain(field);
    }
  }
});

test("cni-1: DEL of a network with a wrong name says so as well", async () => {
  expectError(await call("DEL", configWith({ name: "a/b" })), 7);
});

test("cni-8, cni-12, cni-16: fields that the plugin does not know are passed over by every verb", async () => {
  const odd = { "example.com/colour": { red: [1, 2] }, keyOfTomorrow: true, ipMasq: false, capabilities: { x: true } };
  const added = await call("ADD", configWith(odd));
  expect(added.exitCode).toBe(0);
  for (const verb of ["CHECK", "STATUS", "DEL", "GC"]) {
    expectSilence(
      await call(verb, configWith({ ...odd, ...(verb !== "STATUS" && verb !== "GC" && { prevResult: added.output }) })),
    );
  }
});

test("code-2, cni-93: a capability that is asked for and not there is told by its key and value", async () => {
  const { msg } = expectError(await call("ADD", configWith({ runtimeConfig: { infinibandGUID: "c2:11:22" } })), 2);
  expect(msg).toContain("infinibandGUID");
  expect(msg).toContain("c2:11:22");
});

test("code-1: a version that the plugin does not speak is told with those that it does", async () => {
  for (const cniVersion of ["9.9.9", "0.2.0", "1.2.0", "", "1", 1.1, null, undefined]) {
    for (const verb of verbs) {
      expect(expectError(await call(verb, configWith({ cniVersion })), 1).msg).toMatch(/0\.3\.0.*1\.1\.0/);
    }
  }
});

test("cni-12: a configuration of a megabyte is read whole", async () => {
  const large = configWith({ padding: Array.from({ length: 20_000 }, (_, i) => `entry ${i} `.padEnd(50)) });
  const added = await call("ADD", large);
  expect(added.exitCode).toBe(0);
  expectSilence(await call("DEL", { ...large, prevResult: added.output }));
});

test("nothing of what was refused left a trace", async () => {
  await expectState(node(), before, "calls with bad input");
});
