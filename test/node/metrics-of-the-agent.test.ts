import { expect, test } from "vitest";
import type { MetricView } from "#agent/api/views.ts";
import { mustRun } from "#agent/local/command.ts";
import { until } from "#agent/local/until.ts";
import { expectGrowth, metricValues } from "#test/support/metric-values.ts";
import { networkPolicy } from "#test/support/network-policy.ts";
import { useNode } from "#test/support/use-node.ts";

const node = useNode({
  podCidr: "10.77.0.0/29",
  args: ["--metrics-address", "127.0.0.1:9964", "--policy-map-entries", "256"],
});
const add = (outcome: string) =>
  `weir_cni_call_duration_seconds_count{plugin="weir-cni",verb="ADD",outcome="${outcome}"}`;
const pool = '{pool="default",family="ipv4",cidr="10.77.0.0/29"}';
const value = async (name: string): Promise<number | undefined> => (await metricValues(node())).get(name);

test("an ADD is one call, one endpoint, one identity and one address; a DEL lets the address cool", async () => {
  const pod = await node().addPod({ name: "other", labels: { app: "other" } });
  await expectGrowth(node(), () => node().addPod({ name: "pod", labels: { app: "pod" } }), {
    [add("ok")]: 1,
    [add("error")]: 0,
    'weir_endpoints{state="ready"}': 1,
    weir_identities: 1,
    [`weir_ipam_used_addresses${pool}`]: 1,
    [`weir_ipam_cooling_addresses${pool}`]: 0,
    [`weir_ipam_capacity_addresses${pool}`]: 0,
    'weir_bpf_map_entries{map="interfaces"}': 1,
  });
  await expectGrowth(node(), () => pod[Symbol.asyncDispose](), {
    'weir_cni_call_duration_seconds_count{plugin="weir-cni",verb="DEL",outcome="ok"}': 1,
    'weir_endpoints{state="ready"}': -1,
    [`weir_ipam_used_addresses${pool}`]: -1,
    [`weir_ipam_cooling_addresses${pool}`]: 1,
  });
  expect(await value(`weir_ipam_capacity_addresses${pool}`)).toBe(5);
});

test("a CNI call that fails is counted with its code", async () => {
  for (let n = 0; n < 3; n++) await node().addPod({ name: `more-${n}` });
  await expectGrowth(node(), () => expect(node().addPod({ name: "too-many" })).rejects.toThrow(/"code":11/), {
    [add("error")]: 1,
    [add("ok")]: 0,
    'weir_cni_errors_total{plugin="weir-cni",verb="ADD",code="11"}': 1,
    'weir_endpoints{state="ready"}': 0,
  });
});

test("an update of policy is one, with its revision; one that is refused is told of until it is mended", async () => {
  const updates = (outcome: string) => `weir_policy_update_duration_seconds_count{outcome="${outcome}"}`;
  const policy = networkPolicy({ name: "closed", selects: { app: "pod" }, ingress: [] });
  const before = await value("weir_policy_revision");
  await expectGrowth(node(), () => node().changeObjects("closed.yaml", policy), {
    [updates("in-force")]: 1,
    [updates("refused")]: 0,
    'weir_policy_objects{kind="NetworkPolicy"}': 1,
    weir_policy_revision: (await node().revision()) - (before ?? 0) + 1,
  });
  const ports = Array.from({ length: 300 }, (_, n) => ({ protocol: "TCP" as const, port: 2 * n + 1 }));
  const tooLarge = networkPolicy({ name: "closed", selects: { app: "pod" }, ingress: [{ ports }] });
  await expectGrowth(node(), async () => node().writeObjects("closed.yaml", tooLarge), {
    [updates("refused")]: 1,
    [updates("in-force")]: 0,
    weir_policy_refused: 1,
    weir_policy_revision: 0,
  });
  node().writeObjects("closed.yaml", policy);
  await until("nothing to be refused", async () => (await value("weir_policy_refused")) === 0);
});

test("objects that cannot be read are counted", async () => {
  await expectGrowth(node(), async () => node().writeObjects("bad.yaml", "kind: Nothing"), {
    weir_policy_object_problems: 1,
  });
});

test("requests are counted by route and status", async () => {
  const requests = (method: string, route: string, status: number) =>
    `weir_api_requests_total{method="${method}",route="${route}",status="${status}"}`;
  const act = async (): Promise<void> => {
    for (let id = 1000; id < 1003; id++) expect((await node().weir("endpoint", "get", String(id))).code).toBe(4);
    await node().client.endpoints();
  };
  await expectGrowth(node(), act, {
    [requests("GET", "/v1/endpoints/:id", 404)]: 3,
    [requests("GET", "/v1/endpoints", 200)]: 1,
    'weir_api_request_duration_seconds_count{method="GET",route="/v1/endpoints/:id"}': 3,
    'weir_api_request_duration_seconds_count{method="GET",route="/v1/endpoints"}': 1,
  });
});

test("by TCP there are the same metrics, and nothing else", async () => {
  const get = (path: string): Promise<string> => {
    const script = `fetch("http://127.0.0.1:9964${path}").then(async (a) => console.log(a.status + "\\n" + (await a.text())))`;
    return mustRun(node().namespace.enter([process.execPath, "--input-type=module", "-e", script]));
  };
  const [status, ...lines] = (await get("/metrics")).trim().split("\n");
  expect(status).toBe("200");
  const named = lines.filter((line) => !line.startsWith("#")).map((line) => line.split(/[{ ]/, 1)[0]);
  const listed = (await node().client.metrics()).map(({ name }) => name);
  expect(new Set(named)).toEqual(new Set(listed));
  expect((await get("/v1/status")).split("\n")[0]).toBe("404");
});

test("weir metrics prints those whose name has one of the words", async () => {
  const { stdout } = await node().weir("metrics", "endpoints", "store_up");
  expect(stdout.split("\n")).toEqual([
    expect.stringMatching(/^NAME +LABELS +VALUE$/),
    expect.stringMatching(/^weir_endpoints +state=ready +\d+$/),
    expect.stringMatching(/^weir_endpoints +state=waiting-for-interface +0$/),
    expect.stringMatching(/^weir_store_up +kind=embedded +1$/),
    "",
  ]);
  const all = await node().read<MetricView[]>("metrics");
  expect(all.length).toBeGreaterThan(80);
});
