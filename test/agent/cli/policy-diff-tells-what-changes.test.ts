import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { PolicyDiff } from "#policy/diff/policy-change.ts";
import { ApiFixture } from "#test/agent/api/api-fixture.ts";
import { TemporaryFolder } from "#test/support/temporary-folder.ts";
import { type Outcome, weir } from "./cli-fixture.ts";

const fixture = resolve(import.meta.dirname, "../../fixtures/policies/diff");
const objects = join(fixture, "objects");
const candidate = join(fixture, "candidate.yaml");
const flows = join(fixture, "flows.jsonl");

let folder: TemporaryFolder;
beforeEach(() => {
  folder = new TemporaryFolder();
});
afterEach(() => folder[Symbol.dispose]());

const diff = (...options: string[]): Promise<Outcome> =>
  weir("/nowhere", "policy", "diff", "--objects", objects, ...options);

async function jsonOf(...options: string[]): Promise<PolicyDiff> {
  const { stdout } = await diff(...options, "-o", "json");
  return JSON.parse(stdout) as PolicyDiff;
}

function write(name: string, text: string): string {
  writeFileSync(folder.join(name), text);
  return folder.join(name);
}

describe("for people", () => {
  test.each([
    ["a candidate", "candidate.txt", ["--candidate", candidate]],
    ["recorded flows", "flows.txt", ["--candidate", candidate, "--flows", flows]],
    ["promotion of what is staged", "promote.txt", ["--promote"]],
  ])("%s: one block for each change", async (_, golden, options) => {
    const { exitCode, stdout, stderr } = await diff(...options);
    expect(stdout.replaceAll(`${fixture}/`, "")).toBe(readFileSync(join(fixture, golden), "utf8"));
    expect([exitCode, stderr]).toEqual([1, ""]);
  });

  test("other requests that pass are a change, too", async () => {
    const policy = (method: string): string => `apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: l7, namespace: shop}
spec:
  endpointSelector: {matchLabels: {app: db}}
  ingress: [{toPorts: [{ports: [{port: "80", protocol: TCP}], rules: {http: [{method: ${method}}]}}]}]
`;
    using before = new TemporaryFolder();
    writeFileSync(before.join("cluster.yaml"), readFileSync(join(objects, "cluster.yaml")));
    writeFileSync(before.join("l7.yaml"), policy("GET"));
    const after = write("after.yaml", policy("POST"));
    const { exitCode, stdout } = await weir(
      "/nowhere",
      "policy",
      "diff",
      "--objects",
      before.path,
      "--candidate",
      after,
    );
    expect(stdout).toMatch(
      /^redirect -> redirect {2}.*-> shop\/db-0 {2}TCP 80\n {2}asks {5}other requests pass than before/,
    );
    expect(exitCode).toBe(1);
  });

  test("nothing changes: 0", async () => {
    const { exitCode, stdout } = await diff("--candidate", objects);
    expect([exitCode, stdout]).toEqual([0, expect.stringMatching(/^nothing changes in [\d,]+ classes of traffic\n$/)]);
  });
});

describe("for scripts", () => {
  test("JSON has who and whom, what, why, and one example", async () => {
    const { changes, classes, isComplete } = await jsonOf("--candidate", candidate);
    expect(changes.find(({ ports }) => ports === "5432")).toEqual({
      before: "allow",
      after: "deny",
      source: {
        kind: "pod",
        description: "pods app=web of shop",
        example: "shop/web-1",
        count: 2,
        members: [
          { kind: "pod", name: "shop/web-1" },
          { kind: "pod", name: "shop/web-2" },
        ],
      },
      destination: {
        kind: "pod",
        description: "shop/db-0",
        example: "shop/db-0",
        count: 1,
        members: [{ kind: "pod", name: "shop/db-0" }],
      },
      protocol: "TCP",
      ports: "5432",
      traffic: [{ protocol: "TCP", first: 5432, last: 5432 }],
      ends: ["ingress"],
      by: {
        before: [
          { kind: "NetworkPolicy", namespace: "shop", name: "db", rule: "ingress[0]", file: "policies.yaml", line: 9 },
        ],
        after: [],
      },
      nearest: {
        kind: "NetworkPolicy",
        namespace: "shop",
        name: "db",
        rule: "ingress[0]",
        file: candidate,
        line: 9,
        because: "port 5432 is not 5433",
      },
      example: {
        from: "shop/web-1",
        to: "shop/db-0",
        kinds: ["pod", "pod"],
        names: [],
        protocol: "TCP",
        port: 5432,
        canBeEvaluated: true,
      },
    });
    expect([classes > 100, isComplete]).toEqual([true, true]);
  });

  test("every example that can be asked about has the verdicts that are told", async () => {
    const { changes } = await jsonOf("--candidate", candidate);
    const asked = changes.flatMap(({ example, before, after }) =>
      example?.canBeEvaluated ? [{ example, before, after }] : [],
    );
    expect(asked.length).toBeGreaterThan(2);
    for (const { example, before, after } of asked) {
      const question = [
        "--from",
        example.from,
        "--to",
        example.to,
        "--port",
        `${example.port}`,
        "--protocol",
        example.protocol,
      ];
      const evaluate = async (...more: string[]): Promise<unknown> => {
        const { stdout } = await weir(
          "/nowhere",
          "policy",
          "eval",
          "--objects",
          objects,
          ...question,
          ...more,
          "-o",
          "json",
        );
        return (JSON.parse(stdout) as { verdict: unknown }).verdict;
      };
      expect([await evaluate(), await evaluate("--candidate", candidate)]).toEqual([before, after]);
    }
  });

  test("with flows there is how many would change", async () => {
    const { flows: counts } = await jsonOf("--candidate", candidate, "--flows", flows);
    expect(counts).toEqual({ records: 7, connections: 5, changed: 5, unjudged: { "no-ports": 1, "no-flow": 1 } });
  });
});

describe("the candidate", () => {
  test("stands beside other policies, or with --replace alone", async () => {
    const other = write("other.yaml", policy("other", "{ app: prometheus }"));
    const texts = async (...more: string[]): Promise<string[]> =>
      (await jsonOf("--candidate", other, ...more)).changes.map((change) => change.destination.description);
    expect(await texts()).toEqual(["monitoring/prometheus-0"]);
    expect(await texts("--replace")).toContain("shop/db-0");
  });

  test("of a folder is named by the folder", async () => {
    write("other.yaml", policy("other", "{ app: prometheus }"));
    const { changes } = await jsonOf("--candidate", folder.path);
    expect(changes.map(({ nearest }) => nearest?.file)).toEqual([folder.join("other.yaml")]);
  });
});

describe("bad input ends with 2", () => {
  test("a file with errors, each with its place", async () => {
    const bad = write("bad.yaml", policy("bad", "7"));
    const { exitCode, stderr } = await diff("--candidate", bad);
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining(`${bad}:6:31: spec.podSelector.matchLabels: is `)]);
  });

  test("flows that are none", async () => {
    const bad = write("bad.jsonl", '{"source": 7}\n{"a"\n');
    const { exitCode, stderr } = await diff("--candidate", candidate, "--flows", bad);
    expect(exitCode).toBe(2);
    expect(stderr).toBe(
      `weir policy diff: ${bad}:1:12: source: is the number 7, not a mapping\n${bad}:2:5: flow: ends where a colon is expected\n`,
    );
  });

  test("a file that is not there, and no candidate at all", async () => {
    expect((await diff("--candidate", folder.join("none.yaml"))).exitCode).toBe(2);
    const noFlows = await diff("--candidate", candidate, "--flows", folder.join("none.jsonl"));
    expect([noFlows.exitCode, noFlows.stderr]).toEqual([
      2,
      `weir policy diff: read ${folder.join("none.jsonl")}: no such file\n`,
    ]);
    expect((await diff("--candidate", candidate, "--flows", folder.path)).exitCode).toBe(2);
    expect((await weir("/nowhere", "policy", "diff", "--objects", "/nowhere", "--promote")).exitCode).toBe(2);
    const { exitCode, stderr } = await diff();
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining("--candidate is missing")]);
  });
});

test("without files the agent is asked what is in force", async () => {
  await using api = await ApiFixture.start();
  const closed = write("db.yaml", policy("db", "{ app: db }").replace("monitoring", "shop"));
  const { exitCode, stdout } = await weir(api.runDir, "policy", "diff", "--candidate", closed);
  expect(exitCode).toBe(1);
  expect(stdout).toContain("allow -> deny  shop/web-1 -> shop/db-0  TCP 5432\n");
  expect((await weir("/nowhere", "policy", "diff", "--candidate", closed)).exitCode).toBe(3);
});

/** Nobody may reach some pods of `monitoring`. */
function policy(name: string, labels: string): string {
  return `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: ${name}, namespace: monitoring }
spec:
  policyTypes: [Ingress]
  podSelector: { matchLabels: ${labels} }
  ingress: []
`;
}
