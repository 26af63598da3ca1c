import { expect, test } from "vitest";
import { LabNode } from "#agent/local/lab-node.ts";
import { type CniError, LabPod } from "#agent/local/lab-pod.ts";
import { Lab } from "#agent/local/lab.ts";
import { expectTraffic } from "#test/support/expect-traffic.ts";
import { podObject } from "#test/support/kubernetes-objects.ts";
import { networkPolicy } from "#test/support/network-policy.ts";
import { unmet } from "#test/support/requirement.ts";
import { type ServerKind, StoreServer, consulKind, etcdKind } from "#test/support/store-server.ts";

const kinds: readonly ServerKind[] = [etcdKind, consulKind];

/** A node whose agent has a store on a server of its own; the agent does not run yet. */
async function makeNode(kind: ServerKind, stack: AsyncDisposableStack) {
  const lab = stack.use(await Lab.create());
  const node = LabNode.create(lab);
  const server = stack.use(await StoreServer.start(kind, { enter: (command) => node.namespace.enter(command) }));
  const args = ["--store", kind.name, "--store-address", server.address];
  const problems = async (): Promise<string> => (await node.client.status()).problems.join("\n");
  const state = async (): Promise<string> => (await node.client.status()).state;
  const add = async (name: string, labels: Record<string, string>): Promise<{ pod: LabPod; code: number }> => {
    const pod = lab.use(new LabPod(node, { name, labels }));
    const { code, stdout } = await pod.cni("ADD");
    return { pod, code: code === 0 ? 0 : (JSON.parse(stdout) as CniError).code };
  };
  return { node, server, args, problems, state, add };
}

test.for(kinds)("without $name the agent starts by waiting, and says so", async (kind, context) => {
  const reason = unmet("root", "namespaces", "dist", kind.name);
  if (reason !== undefined) context.skip(reason);
  await using stack = new AsyncDisposableStack();
  const { node, server, args, problems, state, add } = await makeNode(kind, stack);
  await server.kill();
  await node.startAgent({ args, degraded: true });
  expect(await problems()).toContain("the agent is starting: it waits for the store");
  expect((await node.weir("status")).code).toBe(5);
  await expect(node.client.endpoints()).rejects.toThrow("it waits for the store");
  // The runtime's call waits with it.
  const added = add("early", { app: "early" });
  await server.start();
  expect((await added).code).toBe(0);
  expect(await state()).toBe("ok");
});

test.for(kinds)(
  "without $name, what is in force stays, and what needs nothing new of it goes on",
  async (kind, context) => {
    const reason = unmet("root", "namespaces", "dist", kind.name);
    if (reason !== undefined) context.skip(reason);
    await using stack = new AsyncDisposableStack();
    const { node, server, args, problems, state, add } = await makeNode(kind, stack);
    const web = (label: string): string =>
      networkPolicy({
        name: "web",
        selects: { app: "web" },
        ingress: [{ from: [{ podSelector: { matchLabels: { app: label } } }] }],
      });
    node.writeObjects("web.yaml", web("client"));
    await node.startAgent({ args });
    const server1 = await node.addPod({ name: "web", labels: { app: "web" } });
    const client = await node.addPod({ name: "client", labels: { app: "client" } });
    await server1.traffic.serve("TCP", 80);
    await expectTraffic(client, server1, 80, "answered");

    await server.pause();
    await expect.poll(problems).toContain(`the store, ${kind.name} at ${server.address}`);
    await expectTraffic(client, server1, 80, "answered");
    // Its labels are known.
    const twin = await add("twin", { app: "client" });
    expect(twin.code).toBe(0);
    expect((await add("stranger", { app: "stranger" })).code).toBe(11);
    await client.delete();
    await node.changeObjects("web.yaml", web("nobody"));
    await expectTraffic(twin.pod, server1, 80, "silent");
    await node.changeObjects("web.yaml", web("client"));

    // A pod that becomes somebody new has to wait for the store; then it need not be asked for again.
    node.writeObjects("twin.yaml", podObject({ name: "twin", labels: { app: "other" } }));
    await expect.poll(problems).toContain("identities/");
    await expectTraffic(twin.pod, server1, 80, "answered");

    // A new life of the agent waits, and lets the datapath go on.
    await node.agent.kill();
    await expectTraffic(twin.pod, server1, 80, "answered");
    await node.startAgent({ args, degraded: true });
    expect(await problems()).toContain("it waits for the store");
    await expectTraffic(twin.pod, server1, 80, "answered");
    server.resume();
    await expect.poll(state).toBe("ok");
    await expectTraffic(twin.pod, server1, 80, "silent");
    expect((await add("stranger", { app: "stranger" })).code).toBe(0);
  },
);
