import { test } from "vitest";
import { expectTraffic } from "#test/support/expect-traffic.ts";
import { podObject } from "#test/support/kubernetes-objects.ts";
import { app, networkPolicy } from "#test/support/network-policy.ts";
import { ciliumPolicy, clusterPolicy, labelled } from "#test/support/object-text.ts";
import { useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";

const server = (name: string, port: number): string =>
  podObject({ name, labels: { app: "server" }, ports: [{ name: "web", protocol: "TCP", port }] });

const node = useNode({ objects: { "low.yaml": server("low", 80), "high.yaml": server("high", 8080) } });
const pods = usePods(node, ["low", "high", "client", "other"]);

const ports = [{ ports: [{ port: "web", protocol: "TCP" }] }];
const protocols = [{ destinationNamedPort: "web" }];
const isolated = networkPolicy({ name: "server", selects: { app: "server" }, ingress: [] });
const servers = { podSelector: labelled("server") };
const client = { podSelector: labelled("client") };

/** One rule for both pods; nobody listens: a refusal tells that policy let the packet through. */
test.for<[string, readonly string[]]>([
  [
    "NetworkPolicy",
    [
      networkPolicy({
        name: "server",
        selects: { app: "server" },
        ingress: [{ from: [app("client")], ports: [{ port: "web" }] }],
      }),
    ],
  ],
  [
    "CiliumNetworkPolicy, ingress",
    [ciliumPolicy("server", { ingress: [{ fromEndpoints: [labelled("client")], toPorts: ports }] })],
  ],
  [
    "CiliumNetworkPolicy, egress",
    [
      ciliumPolicy("client", { egress: [{ toEndpoints: [labelled("server")], toPorts: ports }] }),
      ciliumPolicy("other", { egress: [{}] }),
    ],
  ],
  [
    "ClusterNetworkPolicy",
    [
      isolated,
      clusterPolicy("web", "Admin", 1, {
        subject: { pods: servers },
        ingress: [{ action: "Accept", from: [{ pods: client }], protocols }],
      }),
    ],
  ],
])("%s: a port's name opens each pod's own number, and no other", async ([, policies]) => {
  await node().changeObjects("policies.yaml", policies.join("---\n"));
  await Promise.all([
    expectTraffic(pods.client, pods.low, 80, "refused"),
    expectTraffic(pods.client, pods.high, 8080, "refused"),
    expectTraffic(pods.client, pods.low, 8080, "silent"),
    expectTraffic(pods.client, pods.high, 80, "silent"),
    expectTraffic(pods.client, pods.low, 80, "silent", { protocol: "UDP" }),
    expectTraffic(pods.other, pods.low, 80, "silent"),
    expectTraffic(pods.other, pods.high, 8080, "silent"),
  ]);
});
