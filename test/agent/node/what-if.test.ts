import { join } from "node:path";
import { beforeEach, expect, test } from "vitest";
import type { WhatIfPort } from "#agent/api/ports.ts";
import { diffObjects } from "#agent/local/diff.ts";
import { readObjectFiles } from "#agent/local/object-files.ts";
import { whatIfPort } from "#agent/node/what-if.ts";
import { parseObjects } from "#policy/parse/objects.ts";
import { root } from "#test/architecture/source-tree.ts";
import { flow } from "#test/agent/api/fake-views.ts";

const folder = join(root, "test/fixtures/shop");
const file = "candidate.yaml";
const never = new AbortController().signal;
let port: WhatIfPort;

beforeEach(async () => {
  port = await portWith("");
});

/** A node whose objects are the shop's and these. */
async function portWith(more: string): Promise<WhatIfPort> {
  const [files, added] = [await readObjectFiles(folder), parseObjects(more, "more.yaml")];
  if (!files.ok || !added.ok) throw new Error("the fixture is wrong");
  const options = { enforcement: "default", cidrMatchesPods: "language" };
  return whatIfPort({
    policy: { objects: [...files.objects, ...added.objects], options },
    objects: { text: (key: string) => (key === "NetworkPolicy/shop/db" ? { text: "kind: X\n", line: 3 } : null) },
    endpoints: { list: () => [] },
    config: { nodeName: "n1" },
  } as unknown as Parameters<typeof whatIfPort>[0]);
}

const candidate = (text: string) => ({ candidate: { text, file } });
const openDb = `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db-open, namespace: shop}
spec: {podSelector: {matchLabels: {app: db}}, ingress: [{}]}
`;

test("a candidate's changes are those that `weir policy diff` tells", async () => {
  const outcome = await port.diff(candidate(openDb), never);
  const told = await diffObjects({
    before: { folder },
    ...candidate(openDb),
    replace: false,
    promote: false,
    flows: null,
    at: Date.now(),
    progress: () => {},
  });
  expect(outcome).toEqual(told);
  expect(outcome.ok && outcome.diff.changes.length).toBeGreaterThan(0);
});

test("errors have their places", async () => {
  expect(await port.diff(candidate(openDb.replace("[{}]", "7")), never)).toEqual({
    ok: false,
    errors: [expect.objectContaining({ file, line: 4, column: 56, field: "spec.ingress" })],
  });
});

test("one comparison at a time; one that nobody waits for any more ends", async () => {
  const gone = new AbortController();
  const first = port.diff(candidate(openDb), gone.signal);
  await expect(port.diff(candidate(openDb), never)).rejects.toMatchObject({ code: "busy" });
  gone.abort(new Error("gone"));
  await expect(first).rejects.toThrow("gone");
  expect(await port.diff(candidate(openDb), never)).toMatchObject({ ok: true });
});

test("what would let a flow through is only what the end lacks that dropped it, under a name that is free", async () => {
  const { yaml } = port.suggest(flow);
  expect(yaml).toContain("name: allow-ingress-db\n");
  expect(yaml).toContain("policyTypes:\n    - Ingress\n");
  expect(yaml).not.toContain("egress:");
  const outcome = await port.diff(candidate(yaml), never);
  expect(outcome.ok && outcome.diff.changes.every(({ after }) => after === "allow")).toBe(true);
  const crowded = await portWith(openDb.replace("db-open", "allow-ingress-db"));
  expect(crowded.suggest(flow).yaml).toContain("name: allow-ingress-db-2\n");
});

test("where nothing can be suggested, it is said why", () => {
  const { l4: _, ...portless } = flow;
  expect(port.suggest(portless)).toEqual({ yaml: "", remarks: ["policy has no say in this flow: no-ports"] });
  expect(() => port.suggest({ source: 7 })).toThrow("read flow: ");
});

test("a policy's text comes with the file's lines; of what nobody has, there is none", () => {
  const name = { kind: "NetworkPolicy", namespace: "shop", name: "db" };
  expect(port.text(name)).toEqual({ file: "policies.yaml", text: "kind: X\n", line: 3 });
  expect(port.text({ ...name, name: "web" })).toBeUndefined();
  expect(port.text({ ...name, name: "none" })).toBeUndefined();
});
