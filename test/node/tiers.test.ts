import { expect, test } from "vitest";
import type { Evaluation } from "#agent/api/policy-views.ts";
import { expectTraffic } from "#test/support/expect-traffic.ts";
import { app, networkPolicy } from "#test/support/network-policy.ts";
import { ciliumPolicy, clusterPolicy, labelled } from "#test/support/object-text.ts";
import { useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";

const node = useNode();
const pods = usePods(node, ["server", "client", "other"]);

/** One rule about the server's ingress. */
function tier(name: string, where: "Admin" | "Baseline", priority: number, action: string, peer: string): string {
  const from = [{ pods: { podSelector: labelled(peer) } }];
  return clusterPolicy(name, where, priority, {
    subject: { pods: { podSelector: labelled("server") } },
    ingress: [{ action, from }],
  });
}

/** Nobody listens: a refusal tells that policy let the packet through. */
async function expectIngress(client: "refused" | "silent", other: "refused" | "silent"): Promise<void> {
  await Promise.all([
    expectTraffic(pods.client, pods.server, 80, client),
    expectTraffic(pods.client, pods.server.ipv6, 80, client, { protocol: "UDP" }),
    expectTraffic(pods.other, pods.server, 80, other),
  ]);
}

async function decidedBy(): Promise<string[]> {
  const args = ["--from", "default/client", "--to", "default/server", "--port", "80"];
  const { ingress } = await node().read<Evaluation>("policy", "eval", ...args);
  return ingress.by.map(({ name }) => name);
}

const set = (name: string, text: string | null): Promise<void> => node().changeObjects(`${name}.yaml`, text);

test("from the lowest tier to the highest, each one overrides those below it", async () => {
  await expectIngress("refused", "refused");
  await set("baseline", tier("baseline", "Baseline", 5, "Deny", "client"));
  await expectIngress("silent", "refused");
  expect(await decidedBy()).toEqual(["baseline"]);

  // Isolates the server: what the lowest tier says does not count any more.
  await set("np", networkPolicy({ name: "np", selects: { app: "server" }, ingress: [{ from: [app("client")] }] }));
  await expectIngress("refused", "silent");
  expect(await decidedBy()).toEqual(["np"]);

  await set("cilium", ciliumPolicy("server", { ingressDeny: [{ fromEndpoints: [labelled("client")] }] }));
  await expectIngress("silent", "silent");
  expect(await decidedBy()).toEqual(["server"]);

  await set("admin", tier("admin", "Admin", 5, "Accept", "client"));
  await expectIngress("refused", "silent");
  expect(await decidedBy()).toEqual(["admin"]);
});

test("a pass leaves the decision to the tiers below", async () => {
  await set("pass", tier("pass", "Admin", 4, "Pass", "client"));
  await expectIngress("silent", "silent");
  expect(await decidedBy()).toEqual(["server"]);
  await set("cilium", null);
  await expectIngress("refused", "silent");
  expect(await decidedBy()).toEqual(["np"]);
  await set("np", null);
  await expectIngress("silent", "refused");
  expect(await decidedBy()).toEqual(["baseline"]);
  await set("baseline", null);
  await expectIngress("refused", "refused");
});

test("a policy's new priority counts at once", async () => {
  await set("baseline", tier("baseline", "Baseline", 5, "Deny", "client"));
  await set("pass", tier("pass", "Admin", 6, "Pass", "client"));
  await expectIngress("refused", "refused");
  expect(await decidedBy()).toEqual(["admin"]);

  await set("deny", tier("deny", "Admin", 7, "Deny", "client"));
  await expectIngress("refused", "refused");
  await set("deny", tier("deny", "Admin", 3, "Deny", "client"));
  await expectIngress("silent", "refused");
  expect(await decidedBy()).toEqual(["deny"]);
  expect((await node().weir("policy", "verify")).code).toBe(0);
});
