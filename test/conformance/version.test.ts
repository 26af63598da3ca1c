import { expect, test } from "vitest";
import type { LabNode } from "#agent/local/lab-node.ts";
import { useNode } from "#test/support/use-node.ts";
import { makeContainer, pluginFolder, runtimeOf } from "./containers.ts";
import { expectError } from "./expect-error.ts";
import { type AddResult, isAtLeast, type Version, versions } from "./result-schema.ts";

const node = useNode();

/** A whole life of an attachment in one version; what is printed is held against that version's schema. */
async function live(on: LabNode, cniVersion: Version): Promise<AddResult> {
  const runtime = runtimeOf(on, { cniVersion });
  using container = makeContainer(on, "pod");
  const result = await runtime.add(container);
  if (isAtLeast(cniVersion, "0.4.0")) await runtime.check(container);
  await runtime.delete(container);
  return result;
}

const familiesOf = ({ ips = [] }: AddResult) => ips.map((ip) => ("version" in ip ? ip.version : undefined));
const mtusOf = ({ interfaces = [] }: AddResult) => interfaces.map((entry) => ("mtu" in entry ? entry.mtu : undefined));

/** Verbs that came later than a version are refused in it. */
async function refuses(on: LabNode, cniVersion: Version, ...verbs: readonly string[]): Promise<void> {
  const runtime = runtimeOf(on, { cniVersion });
  using container = makeContainer(on, "pod");
  const config = { ...runtime.config(container), "cni.dev/valid-attachments": [] };
  for (const verb of verbs) {
    const error = expectError(await runtime.call(verb, "weir-cni", runtime.variables(container), config), 1);
    expect(error).toMatchObject({ cniVersion, msg: expect.stringContaining(verb) as string });
  }
}

test("version-0.3.0: addresses say their family, interfaces no MTU, and there is neither CHECK, STATUS nor GC", async () => {
  const result = await live(node(), "0.3.0");
  expect([familiesOf(result), mtusOf(result)]).toEqual([
    ["4", "6"],
    [undefined, undefined],
  ]);
  await refuses(node(), "0.3.0", "CHECK", "STATUS", "GC");
});

test("version-0.3.1: as 0.3.0", async () => {
  const result = await live(node(), "0.3.1");
  expect([familiesOf(result), mtusOf(result)]).toEqual([
    ["4", "6"],
    [undefined, undefined],
  ]);
  await refuses(node(), "0.3.1", "CHECK", "STATUS", "GC");
});

test("version-0.4.0: there is CHECK, and DEL is given the result", async () => {
  const result = await live(node(), "0.4.0");
  expect([familiesOf(result), mtusOf(result)]).toEqual([
    ["4", "6"],
    [undefined, undefined],
  ]);
  await refuses(node(), "0.4.0", "STATUS", "GC");
});

test("version-1.0.0: addresses do not say their family any more", async () => {
  const result = await live(node(), "1.0.0");
  expect([familiesOf(result), mtusOf(result)]).toEqual([
    [undefined, undefined],
    [undefined, undefined],
  ]);
  await refuses(node(), "1.0.0", "STATUS", "GC");
});

test("version-1.1.0: interfaces say their MTU, and there are STATUS and GC", async () => {
  const result = await live(node(), "1.1.0");
  expect([familiesOf(result), mtusOf(result)]).toEqual([
    [undefined, undefined],
    [1500, 1500],
  ]);
  const runtime = runtimeOf(node());
  await runtime.status();
  await runtime.gc([]);
});

test("cni-14, cni-66: of several versions the runtime takes the newest, and keeps to it", async () => {
  const runtime = runtimeOf(node(), { cniVersion: "0.4.0", cniVersions: ["0.3.1", "1.0.0"] });
  using container = makeContainer(node(), "pod");
  expect((await runtime.add(container)).cniVersion).toBe("1.0.0");
  await runtime.delete(container);
});

test("cni-54, cni-15: VERSION says what is spoken, in the version that it was asked in", async () => {
  for (const cniVersion of versions) {
    const answer = await runtimeOf(node(), { cniVersion }).versions("weir-cni");
    expect(answer).toEqual({ cniVersion, supportedVersions: versions });
  }
  pluginFolder(node());
  expect((await runtimeOf(node()).versions("weir-ipam")).supportedVersions).toEqual(versions);
});

test("cni-54: VERSION needs no other variable, and gets by without any input", async () => {
  const runtime = runtimeOf(node());
  for (const input of ["", "{", "[]", '{"cniVersion": 7}', "{}"]) {
    const { exitCode, output } = await runtime.call("VERSION", "weir-cni", {}, input);
    expect({ exitCode, output }).toEqual({ exitCode: 0, output: { cniVersion: "1.1.0", supportedVersions: versions } });
  }
  const asked = await runtime.call("VERSION", "weir-cni", {}, { cniVersion: "2.7.1" });
  expect(asked.output).toMatchObject({ cniVersion: "2.7.1" });
});

test("cni-91: an error is told in the version of the configuration", async () => {
  for (const cniVersion of versions) {
    const runtime = runtimeOf(node(), { cniVersion });
    using container = makeContainer(node(), "pod");
    const config = { ...runtime.config(container), mtu: 1 };
    const reply = await runtime.call("ADD", "weir-cni", runtime.variables(container), config);
    expect(expectError(reply, 7).cniVersion).toBe(cniVersion);
  }
});
