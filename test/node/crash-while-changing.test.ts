import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import { mustRun } from "#agent/local/command.ts";
import { LabPod } from "#agent/local/lab-pod.ts";
import { expectTraffic, targetOf } from "#test/support/expect-traffic.ts";
import { app, networkPolicy } from "#test/support/network-policy.ts";
import { Random } from "#test/support/random.ts";
import { sized } from "#test/support/size.ts";
import { goesOn } from "#test/support/stream.ts";
import { prepare, useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";

const rounds = sized({ short: 6, long: 60 });
const random = new Random(1);

/** The client always, the stranger in every second round; blocks that split the address space anew each time. */
const policyOf = (round: number): string =>
  networkPolicy({
    name: "server",
    selects: { app: "server" },
    ingress: [
      { from: [app("client"), ...(round % 2 === 0 ? [app("stranger")] : [])] },
      { from: [{ ipBlock: { cidr: `198.51.${round}.0/24`, except: [`198.51.${round}.128/25`] } }] },
    ],
  });

const node = useNode({ objects: { "server.yaml": policyOf(0) } });
const pods = usePods(node, ["server", "client", "stranger"]);

prepare(async () => {
  for (const protocol of ["TCP", "UDP"] as const) await pods.server.traffic.serve(protocol, 80);
});

test("kill -9 at any moment of a policy change loses no packet, and the next start finishes the change", async () => {
  await using stream = await pods.client.traffic.stream(targetOf(pods.server, 80, "UDP"));
  for (let round = 1; round <= rounds; round += 1) {
    node().writeObjects("server.yaml", policyOf(round));
    await delay(random.integer(30, 110));
    await node().agent.kill();
    await node().startAgent();
    await expectTraffic(pods.stranger, pods.server, 80, round % 2 === 0 ? "answered" : "silent");
    await expectTraffic(pods.client, pods.server, 80, "answered");
  }
  await goesOn(stream);
  expect((await stream.stop()).lost).toEqual([]);
  const slots = new Set((await node().client.bpf("policy")).map(({ slot }) => slot));
  // The server's, and one that the other two share; what changes left behind is gone.
  expect(slots.size).toBe(2);
});

test("kill -9 at any moment of an ADD leaves nothing that DEL and the next start do not remove", async () => {
  const interfaces = async () => (await mustRun(node().namespace.enter(["ip", "-o", "link"]))).match(/weir\w+/g) ?? [];
  const before = [(await node().client.endpoints()).length, (await interfaces()).toSorted()];
  for (let round = 0; round < rounds; round += 1) {
    const pod = new LabPod(node(), { name: `late-${round}`, labels: { app: "client" } });
    await using _removed = pod;
    const added = pod.cni("ADD");
    await delay(random.integer(0, 60));
    await node().agent.kill();
    const { code } = await added;
    await node().startAgent();
    if (code === 0) expect((await node().client.endpoints()).some(({ state }) => state !== "ready")).toBe(false);
    expect((await pod.cni("DEL")).code).toBe(0);
    expect([(await node().client.endpoints()).length, (await interfaces()).toSorted()]).toEqual(before);
  }
  await expectTraffic(pods.client, pods.server, 80, "answered");
});
