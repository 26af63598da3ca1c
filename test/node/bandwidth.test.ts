import { expect, test } from "vitest";
import type { BpfBandwidth } from "#agent/api/bpf-views.ts";
import type { EndpointView } from "#agent/api/views.ts";
import { LabPod } from "#agent/local/lab-pod.ts";
import { Traffic } from "#agent/local/traffic.ts";
import { until } from "#agent/local/until.ts";
import { targetOf } from "#test/support/expect-traffic.ts";
import { podObject } from "#test/support/kubernetes-objects.ts";
import { goesOn } from "#test/support/stream.ts";
import { prepare, useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";

const MEGA = 1_000_000;
const egress = (quantity: string) => ({ "kubernetes.io/egress-bandwidth": quantity });
const ingress = (quantity: string) => ({ "kubernetes.io/ingress-bandwidth": quantity });
const annotated = (name: string, annotations: Readonly<Record<string, string>>) =>
  podObject({ name, labels: { app: name }, annotations });

const node = useNode();
const pods = usePods(node, ["server", "client", "other", "asked"], {
  asked: { config: { runtimeConfig: { bandwidth: { egressRate: 20 * MEGA, egressBurst: 2 * MEGA } } } },
});

prepare(() => pods.server.traffic.serve("TCP", 80));

async function endpoint(name: string): Promise<EndpointView> {
  const found = (await node().client.endpoints()).find(({ pod }) => pod === name);
  if (!found) throw new Error(`pod ${name} has no endpoint`);
  return found;
}

async function limits(name: string): Promise<Record<string, BpfBandwidth>> {
  const { id } = await endpoint(name);
  const all = await node().read<BpfBandwidth[]>("bpf", "bandwidth", "list");
  return Object.fromEntries(all.filter((one) => one.endpoint === id).map((one) => [one.direction, one]));
}

const dropped = async (name: string, way: string): Promise<number> => (await limits(name))[way]?.droppedBytes ?? 0;

/** Sends much more than a limit lets pass, until the server has had some of it back. */
async function flood(pod: LabPod, family: "ipv4" | "ipv6" = "ipv4"): Promise<void> {
  await using stream = await pod.traffic.stream(targetOf(pods.server[family], 80), { size: 200_000 });
  await goesOn(stream, 10);
  expect((await stream.report()).ended).toBeNull();
}

test.for(["ipv4", "ipv6"] as const)(
  "what a pod sends by %s beyond its annotation is dropped and counted, the transfer goes on, and another pod has all there is",
  async (family) => {
    await node().changeObjects("client.yaml", annotated("client", egress("20M")));
    expect((await endpoint("client")).bandwidth).toEqual({ egress: 20 * MEGA, ingress: null });
    await flood(pods.client, family);
    expect(await dropped("client", "egress")).toBeGreaterThan(0);
    await flood(pods.other, family);
    expect(await limits("other")).toEqual({});
    expect(await limits("server")).toEqual({});
    await node().changeObjects("client.yaml", null);
    expect((await endpoint("client")).bandwidth).toEqual({ egress: null, ingress: null });
    expect(await limits("client")).toEqual({});
  },
);

test("a limit that comes while a connection is open counts for it, and ends with the annotation", async () => {
  await using stream = await pods.client.traffic.stream(targetOf(pods.server, 80), { size: 200_000 });
  await goesOn(stream);
  await node().changeObjects("client.yaml", annotated("client", egress("20M")));
  await until("something to be dropped", async () => (await dropped("client", "egress")) > 0);
  await goesOn(stream, 5);
  await node().changeObjects("client.yaml", null);
  await goesOn(stream, 40);
  expect((await stream.report()).ended).toBeNull();
});

test("what comes to a pod from other pods and from the node counts for its ingress", async () => {
  await node().changeObjects("server.yaml", annotated("server", ingress("20M")));
  await using host = new Traffic(node().namespace, (pid) => node().lab.track(pid));
  let before = 0;
  for (const traffic of [pods.client.traffic, host]) {
    await using stream = await traffic.stream(targetOf(pods.server, 80), { size: 200_000 });
    await goesOn(stream, 5);
    const now = await dropped("server", "ingress");
    expect(now).toBeGreaterThan(before);
    before = now;
  }
  await node().changeObjects("server.yaml", null);
});

test("what the runtime asked for at ADD holds, also for a later life of the agent, until an annotation says otherwise", async () => {
  const asked = { direction: "egress", rate: 20 * MEGA, burst: 100 };
  expect((await limits("asked"))["egress"]).toMatchObject(asked);
  await flood(pods.asked);
  const before = await dropped("asked", "egress");
  expect(before).toBeGreaterThan(0);
  await node().agent.kill();
  await node().startAgent();
  expect((await limits("asked"))["egress"]).toMatchObject(asked);
  expect(await dropped("asked", "egress")).toBeGreaterThanOrEqual(before);

  await node().changeObjects("asked.yaml", annotated("asked", egress("50M")));
  expect((await endpoint("asked")).bandwidth).toEqual({ egress: 50 * MEGA, ingress: null });
  await node().changeObjects("asked.yaml", null);
  expect((await endpoint("asked")).bandwidth).toEqual({ egress: 20 * MEGA, ingress: null });
});

test("drops are told of in the flows, and the limit where a person looks for it", async () => {
  await node().changeObjects("client.yaml", annotated("client", egress("20M")));
  await flood(pods.client);
  const flows = async () => (await node().weir("observe", "--verdict", "DROPPED", "-o", "json")).stdout;
  await until("a drop to be told of", async () => (await flows()).includes("BANDWIDTH"));
  const { id } = await endpoint("client");
  expect((await node().weir("endpoint", "get", String(id))).stdout).toMatch(
    /^Bandwidth +egress 20 Mbit\/s, ingress unlimited$/m,
  );
  expect((await node().weir("bpf", "bandwidth", "list")).stdout).toMatch(
    new RegExp(`^ *${id} +egress +20 Mbit/s +300ms`, "m"),
  );
  expect((await node().weir("policy", "verify")).code).toBe(0);
  await node().changeObjects("client.yaml", null);
});

test("an annotation that is no quantity is told of, and the last valid one stays", async () => {
  await node().changeObjects("client.yaml", annotated("client", egress("20M")));
  node().writeObjects("client.yaml", annotated("client", egress("fast")));
  await until("the error to be told of", async () =>
    (await node().client.status()).problems.some((text) => text.includes('"fast" is no quantity of bits a second')),
  );
  expect((await endpoint("client")).bandwidth.egress).toBe(20 * MEGA);
  await node().changeObjects("client.yaml", null);
});

test("ADD refuses a capability that it cannot read, and leaves nothing", async () => {
  const config = { runtimeConfig: { bandwidth: { egressBurst: 5 } } };
  await using pod = new LabPod(node(), { name: "refused", config });
  const { code, stdout } = await pod.cni("ADD");
  expect(code).not.toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    msg: expect.stringContaining("egressBurst: is 5, and there is no egressRate"),
  });
  expect((await node().client.endpoints()).map(({ pod: name }) => name)).not.toContain("refused");
});
