import { expect, test } from "vitest";
import type { AgentEventBody } from "#agent/runtime/agent-events.ts";
import type { Message } from "#test/support/hubble-client.ts";
import { HubbleFixture } from "./hubble-fixture.ts";

const web = { id: 12, labels: ["k8s:app=web"], namespace: "shop", pod: "web-1" };
const second = 1_000_000_000n;

const events: readonly AgentEventBody[] = [
  { type: "AGENT_STARTED" },
  { type: "ENDPOINT_CREATED", ...web },
  { type: "POLICY_UPDATED", kind: "NetworkPolicy", namespace: "shop", name: "db", revision: 7n },
  { type: "ENDPOINT_REGENERATE_SUCCESS", ...web },
  { type: "IPCACHE_UPSERTED", cidr: "10.0.0.7/32", identity: 20_481 },
  { type: "IPCACHE_DELETED", cidr: "10.0.0.7/32" },
  { type: "POLICY_DELETED", kind: "ClusterNetworkPolicy", namespace: "", name: "all", revision: 8n },
  { type: "ENDPOINT_DELETED", ...web },
];

/** One event a second, from the first on. */
async function withEvents(): Promise<HubbleFixture> {
  const hubble = await HubbleFixture.start();
  for (const event of events) {
    hubble.agentEvents.add(event);
    hubble.now += second;
  }
  return hubble;
}

const ask = async (hubble: HubbleFixture, request: object = {}): Promise<Message[]> =>
  (await hubble.client.stream("observer.Observer/GetAgentEvents", request).toArray()) as Message[];
const types = (messages: readonly Message[]): unknown[] =>
  messages.map((message) => (message["agent_event"] as Message)["type"]);

test("each event has Hubble's message of its kind", async () => {
  await using hubble = await withEvents();
  const messages = await ask(hubble);
  const update = { id: "12", labels: ["k8s:app=web"], namespace: "shop", pod_name: "web-1" };
  const policy = (kind: string, name: string): string[] => [
    `k8s:io.cilium.k8s.policy.derived-from=${kind}`,
    `k8s:io.cilium.k8s.policy.name=${name}`,
  ];
  expect(messages.map((message) => message["agent_event"])).toMatchObject([
    { type: "AGENT_STARTED", agent_start: { time: { seconds: "1" } } },
    { type: "ENDPOINT_CREATED", endpoint_update: update },
    {
      type: "POLICY_UPDATED",
      policy_update: {
        labels: [...policy("NetworkPolicy", "db"), "k8s:io.cilium.k8s.policy.namespace=shop"],
        revision: "7",
        rule_count: "1",
      },
    },
    { type: "ENDPOINT_REGENERATE_SUCCESS", endpoint_regenerate: { id: "12", labels: ["k8s:app=web"] } },
    { type: "IPCACHE_UPSERTED", ipcache_update: { cidr: "10.0.0.7/32", identity: 20_481 } },
    { type: "IPCACHE_DELETED", ipcache_update: { cidr: "10.0.0.7/32" } },
    { type: "POLICY_DELETED", policy_update: { labels: policy("ClusterNetworkPolicy", "all"), revision: "8" } },
    { type: "ENDPOINT_DELETED", endpoint_update: update },
  ]);
  expect(messages[3]).toMatchObject({ node_name: "n1", time: { seconds: "4" } });
});

test.each([
  [{ number: "2" }, ["POLICY_DELETED", "ENDPOINT_DELETED"]],
  [{ number: "2", first: true }, ["AGENT_STARTED", "ENDPOINT_CREATED"]],
  [{ since: { seconds: "7" } }, ["POLICY_DELETED", "ENDPOINT_DELETED"]],
  [{ until: { seconds: "2" } }, ["AGENT_STARTED", "ENDPOINT_CREATED"]],
  [{ since: { seconds: "2" }, until: { seconds: "6" }, number: "1" }, ["IPCACHE_DELETED"]],
  [{ since: { seconds: "99" } }, []],
])("%j selects events", async (request, expected) => {
  await using hubble = await withEvents();
  expect(types(await ask(hubble, request))).toEqual(expected);
});

test("who follows is told of what comes, after what was asked for", async () => {
  await using hubble = await withEvents();
  const stream = hubble.client.stream("observer.Observer/GetAgentEvents", { follow: true, number: "1" });
  const messages = stream[Symbol.asyncIterator]() as AsyncIterator<Message>;
  const next = async (): Promise<unknown[]> => types([(await messages.next()).value as Message]);
  expect(await next()).toEqual(["ENDPOINT_DELETED"]);
  hubble.agentEvents.add({ type: "IPCACHE_DELETED", cidr: "10.0.0.0/8" });
  expect(await next()).toEqual(["IPCACHE_DELETED"]);
});

test("only the latest are kept, however many come at once", async () => {
  await using hubble = await HubbleFixture.start();
  const many = Array.from({ length: 10_000 }, (_, i) => ({ type: "IPCACHE_DELETED", cidr: `${i}` }) as const);
  hubble.agentEvents.add(...many);
  hubble.agentEvents.add({ type: "AGENT_STARTED" });
  const messages = await ask(hubble);
  expect(messages).toHaveLength(4096);
  expect(types(messages.slice(-2))).toEqual(["IPCACHE_DELETED", "AGENT_STARTED"]);
});

test("first and follow exclude each other", async () => {
  await using hubble = await withEvents();
  await expect(ask(hubble, { first: true, follow: true })).rejects.toMatchObject({
    details: expect.stringMatching("first and follow") as string,
  });
});
