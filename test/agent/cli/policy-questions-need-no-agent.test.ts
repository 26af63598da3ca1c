import { mkdirSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Evaluation } from "#agent/api/policy-views.ts";
import { TemporaryFolder } from "#test/support/temporary-folder.ts";
import { type Outcome, weir } from "./cli-fixture.ts";

const pods = `apiVersion: v1
kind: Pod
metadata: {name: web-1, namespace: shop, labels: {app: web}}
status: {podIPs: [{ip: 10.0.0.7}]}
---
apiVersion: v1
kind: Pod
metadata: {name: db-0, namespace: shop, labels: {app: db}}
status: {podIPs: [{ip: 10.0.0.8}]}
`;
const policy = `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  podSelector: {matchLabels: {app: db}}
  ingress:
    - from: [{podSelector: {matchLabels: {app: web}}}]
      ports: [{port: 5433}]
`;

let folder: TemporaryFolder;
beforeEach(() => {
  folder = new TemporaryFolder();
  writeFileSync(folder.join("pods.yaml"), pods);
  writeFileSync(folder.join("db.yaml"), policy);
  writeFileSync(folder.join("notes.txt"), "not for us");
});
afterEach(() => folder[Symbol.dispose]());

const evaluate = (...options: string[]): Promise<Outcome> =>
  weir("/nowhere", "policy", "eval", "--objects", folder.path, ...options, "-o", "json");

test("an allow names rule, file and line", async () => {
  const { exitCode, stdout } = await evaluate("--from", "shop/web-1", "--to", "shop/db-0", "--port", "5433");
  expect(exitCode).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    verdict: "allow",
    ingress: {
      by: [{ kind: "NetworkPolicy", namespace: "shop", name: "db", rule: "ingress[0]", file: "db.yaml", line: 7 }],
    },
  } satisfies { verdict: string; ingress: Partial<Evaluation["ingress"]> });
});

test("a denial by default says what is nearest, also for addresses", async () => {
  for (const [from, to] of [
    ["shop/web-1", "shop/db-0"],
    ["10.0.0.7", "10.0.0.8"],
  ] as const) {
    const { stdout } = await evaluate("--from", from, "--to", to, "--port", "5432");
    expect(JSON.parse(stdout)).toMatchObject({
      verdict: "deny",
      ingress: { by: [], nearest: { name: "db", because: "port 5432 is not 5433" } },
    });
  }
});

test("protocols without ports are asked about without one", async () => {
  const ends = ["--from", "shop/web-1", "--to", "shop/db-0"];
  for (const protocol of ["VRRP", "GRE", "ICMP"]) {
    const { stdout } = await evaluate(...ends, "--protocol", protocol);
    expect(JSON.parse(stdout)).toMatchObject({
      verdict: "deny",
      ingress: { nearest: { because: `protocol ${protocol} is not TCP` } },
    });
  }
  expect(await evaluate(...ends, "--protocol", "GRE", "--port", "1")).toMatchObject({
    exitCode: 2,
    stderr: "weir policy eval: --port: GRE has no ports\n",
  });
  expect((await evaluate(...ends, "--protocol", "SCTP")).exitCode).toBe(2);
});

test("a candidate stands in for its namesake", async () => {
  const candidate = folder.join("candidate");
  writeFileSync(candidate, policy.replace("5433", "5432"));
  const { stdout } = await evaluate(
    "--from",
    "shop/web-1",
    "--to",
    "shop/db-0",
    "--port",
    "5432",
    "--candidate",
    candidate,
  );
  expect(JSON.parse(stdout)).toMatchObject({ verdict: "allow", ingress: { by: [{ file: candidate }] } });
});

test("the agent's options can be tried, and only without an agent", async () => {
  const ends = ["--from", "shop/db-0", "--to", "shop/web-1", "--port", "80"];
  const verdicts = ["default", "always", "never"].map(async (mode) => {
    const { stdout } = await evaluate(...ends, "--enforcement", mode);
    return (JSON.parse(stdout) as Evaluation).verdict;
  });
  expect(await Promise.all(verdicts)).toEqual(["allow", "deny", "allow"]);
  writeFileSync(
    folder.join("web.yaml"),
    `apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: web, namespace: shop}
spec: {endpointSelector: {matchLabels: {app: web}}, ingress: [{fromCIDR: [10.0.0.0/8]}]}
`,
  );
  for (const [when, verdict] of [
    ["language", "deny"],
    ["true", "allow"],
    ["false", "deny"],
  ] as const) {
    const { stdout } = await evaluate(...ends, "--cidr-matches-pods", when);
    expect(JSON.parse(stdout)).toMatchObject({ verdict });
  }
  const live = await weir("/nowhere", "policy", "eval", ...ends, "--enforcement", "always");
  expect(live.exitCode).toBe(2);
  expect(live.stderr).toContain("need --objects");
});

test("a rule with an end counts until then", async () => {
  for (const [end, verdict] of [
    ["2000-01-01T00:00:00Z", "deny"],
    ["9000-01-01T00:00:00Z", "allow"],
  ] as const) {
    const annotated = policy.replace("{name: db", `{annotations: {weir.io/not-after: "${end}"}, name: db`);
    writeFileSync(folder.join("db.yaml"), annotated);
    const { stdout } = await evaluate("--from", "shop/web-1", "--to", "shop/db-0", "--port", "5433");
    expect(JSON.parse(stdout)).toMatchObject({ verdict });
  }
});

test("what is staged is told where it would decide otherwise", async () => {
  writeFileSync(folder.join("db.yaml"), policy.replace("{name: db", "{annotations: {weir.io/stage: audit}, name: db"));
  const ends = ["--from", "shop/web-1", "--to", "shop/db-0", "--port"];
  const [would, wouldNot] = await Promise.all(
    ["5432", "5433"].map((port) => weir("/nowhere", "policy", "eval", "--objects", folder.path, ...ends, port)),
  );
  expect(would?.stdout.split("\n").slice(2)).toEqual([
    "ingress  allow    no policy applies",
    "                  staged: deny: default deny by NetworkPolicy shop/db (db.yaml:1), nearest: NetworkPolicy shop/db ingress[0] (db.yaml:7): port 5432 is not 5433",
    "",
  ]);
  expect(wouldNot?.stdout).not.toContain("staged");
});

const text = async (from: string, to: string, port: number): Promise<string> => {
  const ends = ["--from", from, "--to", to, "--port", `${port}`];
  return (await weir("/nowhere", "policy", "eval", "--objects", folder.path, ...ends)).stdout;
};

test("limits and ends stand behind the rule that has them, in JSON beside it", async () => {
  const annotations = `weir.io/rate-limit: 50/s, weir.io/connection-limit: "1", weir.io/not-after: "2999-01-01T00:00:00Z"`;
  writeFileSync(folder.join("db.yaml"), policy.replace("{name: db", `{annotations: {${annotations}}, name: db`));
  expect(await text("shop/web-1", "shop/db-0", 5433)).toContain(
    "ingress  allow    NetworkPolicy shop/db ingress[0] (db.yaml:7), at most 50 new connections a second, at most 1 connection at one time, until 2999-01-01T00:00:00Z\n",
  );
  const { stdout } = await evaluate("--from", "shop/web-1", "--to", "shop/db-0", "--port", "5433");
  expect(JSON.parse(stdout)).toMatchObject({
    ingress: { terms: [{ rate: 50, connections: 1, notAfter: "2999-01-01T00:00:00Z" }] },
  });
});

test("what the datapath does otherwise is told", async () => {
  writeFileSync(
    folder.join("web.yaml"),
    `apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: l7, namespace: shop}
spec:
  endpointSelector: {matchLabels: {app: db}}
  ingress: [{toPorts: [{ports: [{port: "80", protocol: TCP}], rules: {http: [{path: /}]}}]}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: block, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Egress]
  egress: [{to: [{ipBlock: {cidr: 10.0.0.0/8}}], ports: [{port: pg}, {port: 80}]}]
`,
  );
  expect(await text("shop/web-1", "shop/db-0", 80)).toMatch(
    /^ingress {2}redirect {2}.*\n {18}its requests are looked at: --http, --dns and --sni ask for one$/m,
  );
  const named = pods.replace(
    "status: {podIPs: [{ip: 10.0.0.8}]}",
    "spec: {containers: [{ports: [{name: pg, containerPort: 5433}]}]}\n$&",
  );
  writeFileSync(folder.join("pods.yaml"), named);
  expect(await text("shop/web-1", "shop/db-0", 5433)).toMatch(
    /^egress {3}allow {4}.*\n {18}the datapath denies this: it has no named ports for address blocks$/m,
  );
});

test("a request is judged by what rules ask of requests", async () => {
  writeFileSync(
    folder.join("web.yaml"),
    `apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: l7, namespace: shop}
spec:
  endpointSelector: {matchLabels: {app: db}}
  ingress:
  - toPorts: [{ports: [{port: "80", protocol: TCP}], rules: {http: [{method: GET, host: db, headers: ["X-A: 1"]}]}}]
---
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: names, namespace: shop}
spec:
  endpointSelector: {matchLabels: {app: web}}
  egress:
  - toPorts:
    - {ports: [{port: "53", protocol: UDP}], rules: {dns: [{matchPattern: "*.shop"}]}}
    - {ports: [{port: "443", protocol: TCP}], serverNames: ["*.pay.test"]}
  - toPorts: [{ports: [{port: "80"}]}]
`,
  );
  const ask = async (...more: string[]): Promise<unknown> => {
    const { exitCode, stdout, stderr } = await evaluate("--from", "shop/web-1", ...more);
    if (exitCode !== 0) return { exitCode, stderr };
    const { verdict, egress, ingress } = JSON.parse(stdout);
    return [verdict, (egress.nearest ?? ingress.nearest)?.because ?? null];
  };
  const db = ["--to", "shop/db-0", "--port", "80"];
  const header = ["--header", "x-b: 2", "--header", "x-a: 1"];
  expect(await ask(...db, "--http", "GET db:80/x", ...header)).toEqual(["allow", null]);
  expect(await ask(...db, "--http", "GET db/x")).toEqual(["deny", "header X-A: 1 is missing"]);
  expect(await ask(...db, "--http", "PUT http://web/", ...header)).toEqual([
    "deny",
    "method PUT is not GET and host web is not db",
  ]);
  expect(await ask(...db, "--http", "GET /", ...header)).toEqual(["deny", "no host is not db"]);
  expect(await ask("--to", "192.0.2.1", "--dns", "A.shop.")).toEqual(["allow", null]);
  expect(await ask("--to", "192.0.2.1", "--dns", "a.b.shop")).toEqual(["deny", "name a.b.shop is not *.shop"]);
  const outside = ["--to", "192.0.2.1", "--port", "443"];
  expect(await ask(...outside, "--sni", "x.pay.test")).toEqual(["allow", null]);
  expect(await ask(...outside, "--sni", "pay.test")).toEqual(["deny", "server name pay.test is not *.pay.test"]);
  expect(await ask(...outside, "--http", "GET")).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining("--http"),
  });
  for (const name of ["", "https://a.shop/", "*.shop", "a.shop:443"]) {
    const refused = { exitCode: 2, stderr: expect.stringContaining("It is no name like") as string };
    expect(await ask(...outside, "--dns", name)).toEqual(refused);
    expect(await ask(...outside, "--sni", name)).toEqual(refused);
  }
  expect(await ask(...outside, "--header", "a: b")).toMatchObject({ exitCode: 2 });
  expect(await ask(...outside, "--sni", "a", "--dns", "b")).toMatchObject({ exitCode: 2 });
  expect(await ask(...outside, "--protocol", "SCTP", "--sni", "a")).toMatchObject({ exitCode: 2 });
});

test("a candidate may be a folder", async () => {
  const candidate = folder.join("candidate");
  mkdirSync(candidate);
  const ends = ["--from", "shop/web-1", "--to", "shop/db-0", "--port", "5432", "--candidate", candidate];
  writeFileSync(folder.join("candidate/db.yaml"), policy.replace("5433", "5432"));
  writeFileSync(
    folder.join("candidate/more.json"),
    "{}\n".replace("{}", JSON.stringify({ apiVersion: "v1", kind: "Namespace", metadata: { name: "x" } })),
  );
  writeFileSync(folder.join("candidate/notes.txt"), "not for us");
  const { stdout } = await evaluate(...ends);
  expect(JSON.parse(stdout)).toMatchObject({
    verdict: "allow",
    ingress: { by: [{ file: folder.join("candidate/db.yaml"), line: 7 }] },
  });
  writeFileSync(folder.join("candidate/bad.yaml"), "kind: Nonsense\n");
  const bad = await evaluate(...ends);
  expect([bad.exitCode, bad.stderr]).toEqual([2, expect.stringContaining(`${folder.join("candidate/bad.yaml")}:1:`)]);
  const missing = await evaluate(...ends.slice(0, -1), folder.join("none"));
  expect([missing.exitCode, missing.stderr]).toEqual([2, expect.stringContaining("read ")]);
});

test("an address that two pods claim is refused, and 2", async () => {
  writeFileSync(folder.join("stale.yaml"), pods.replaceAll("shop", "evil"));
  const { exitCode, stderr } = await evaluate("--from", "10.0.0.7", "--to", "shop/db-0", "--port", "80");
  expect([exitCode, stderr]).toEqual([
    2,
    "weir policy eval: 10.0.0.7 is said to be of evil/web-1 and shop/web-1: ask by NAMESPACE/POD\n",
  ]);
});

test("an unknown pod is not found; a wrong file is bad input", async () => {
  const unknown = await evaluate("--from", "shop/none", "--to", "shop/db-0", "--port", "80");
  expect([unknown.exitCode, unknown.stderr]).toEqual([4, "weir policy eval: pod shop/none is not known\n"]);
  const strange = await evaluate("--from", "none", "--to", "shop/db-0", "--port", "80");
  expect(strange.exitCode).toBe(2);
  writeFileSync(folder.join("bad.yaml"), "kind: Nonsense\n");
  const bad = await evaluate("--from", "shop/web-1", "--to", "shop/db-0", "--port", "80");
  expect(bad.exitCode).toBe(2);
  expect(bad.stderr).toMatch(/bad\.yaml:1:\d+: kind: /);
});

test("validate: every error with its place, and 2", async () => {
  writeFileSync(
    folder.join("bad.yaml"),
    policy.replace("port: 5433", "port: 99999").replace("podSelector: {", "podSelectr: {"),
  );
  const file = folder.join("bad.yaml");
  const { exitCode, stdout, stderr } = await weir("/nowhere", "policy", "validate", folder.join("pods.yaml"), file);
  expect(exitCode).toBe(2);
  const lines = stdout.trimEnd().split("\n");
  expect(lines.length).toBeGreaterThanOrEqual(2);
  for (const line of lines) expect(line).toMatch(/bad\.yaml:\d+:\d+: [^ ]+: ./);
  expect(stderr).toBe(`weir policy validate: ${lines.length} errors\n`);
});

test("validate: what is well is counted, and 0", async () => {
  const { exitCode, stdout } = await weir(
    "/nowhere",
    "policy",
    "validate",
    folder.join("pods.yaml"),
    folder.join("db.yaml"),
  );
  expect([exitCode, stdout]).toEqual([0, "valid: 3 objects in 2 files\n"]);
});
