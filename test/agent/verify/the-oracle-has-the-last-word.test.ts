import { expect, test } from "vitest";
import { isPolicyKind, type PolicyObject } from "#policy/model/object.ts";
import { protocolNumbers } from "#policy/model/protocol.ts";
import type { RuleDescription } from "#policy/model/rule.ts";
import { judge } from "#policy/oracle/oracle.ts";
import { makeEndpoint } from "#test/support/enforcement.ts";
import { MemoryKernel } from "#test/support/memory-kernel.ts";
import { Random } from "#test/support/random.ts";
import { randomCluster } from "#test/support/random-policy.ts";
import { sized } from "#test/support/size.ts";
import { fromClient80, objectsOf, serverPolicy } from "#test/support/two-pods.ts";
import { VerifiedNode } from "#test/support/verified-node.ts";

const subject = (app: string) => ({ namespace: "default", labels: { app }, serviceAccount: "default", namedPorts: [] });

test("no flow is judged otherwise than the oracle does, but that its class is told", async () => {
  let found = 0;
  for (let seed = 1; seed <= sized({ short: 40, long: 1_000 }); seed++) {
    const random = new Random(seed);
    const options = { flows: 60, namedPortsOfBlocks: false, hostPolicies: false, reserved: [], controls: false };
    const { pods, objects, flows, family } = randomCluster(seed, options);
    if (family === 6) continue;
    const ground = objects.filter((object) => !isPolicyKind(object));
    const some = (): PolicyObject[] => [...ground, ...objects.filter(isPolicyKind).filter(() => random.chance(0.7))];
    const kernel = new MemoryKernel();
    const node = new VerifiedNode(kernel, { told: Infinity });
    for (const [i, { subject: who, identity, address }] of pods.entries()) {
      await node.add(makeEndpoint(i + 1, who, identity, address));
    }
    await node.setPolicy(some());
    const others = some();
    node.believe(others);

    const { differences } = await node.verify();
    const wrong = differences.filter(({ what }) => what.startsWith("verdict on"));
    for (const { source, destination, protocol, port } of flows) {
      if (!source.subject || !destination.subject || source.address === destination.address) continue;
      const verdicts = kernel.judge({
        source: source.address ?? "",
        destination: destination.address ?? "",
        protocol: protocolNumbers[protocol],
        port,
      });
      const wanted = judge(others, { source, destination, protocol, port });
      for (const direction of ["ingress", "egress"] as const) {
        if (verdicts[direction].verdict === wanted[direction].verdict) continue;
        const [self, peer] = direction === "egress" ? [source, destination] : [destination, source];
        const id = 1 + pods.findIndex(({ address }) => address === self.address);
        const about = wrong.filter(({ endpoints, what }) => {
          return endpoints.includes(id) && what.startsWith(`verdict on ${direction}`) && covers(what, protocol, port);
        });
        expect(about, `seed ${seed}: ${direction} ${JSON.stringify({ self, peer, protocol, port })}`).not.toEqual([]);
        found++;
      }
    }
  }
  expect(found).toBeGreaterThan(50);
});

/** `verdict on egress to ..., TCP/80-90` */
function covers(what: string, protocol: string, port: number): boolean {
  const [name, ports] = (what.split(", ").at(-1) ?? "").split("/");
  const [first = 0, last = first] = ports === undefined ? [0, 65_535] : ports.split("-").map(Number);
  return name === protocol && port >= first && port <= last;
}

test("a reference that stands for other rules than the oracle names is found by the oracle alone", async () => {
  const other: RuleDescription = {
    kind: "NetworkPolicy",
    namespace: "default",
    name: "x",
    rule: "ingress[0]",
    file: "x",
    line: 1,
  };
  const kernel = new MemoryKernel();
  const node: VerifiedNode = new VerifiedNode(kernel, {
    references: { find: (rules) => node.setup.references.find(rules), lookup: () => [other] },
  });
  await node.add(makeEndpoint(2, subject("server"), 256), makeEndpoint(3, subject("client"), 257));
  await node.setPolicy(objectsOf(serverPolicy(fromClient80)));
  const { differences } = await node.verify();
  expect(differences).toEqual([
    {
      map: "policy",
      endpoints: [2],
      what: "verdict on ingress from default {app=client}, TCP/80",
      expected: "allow by NetworkPolicy default/server ingress[0]",
      found: "allow by NetworkPolicy default/x ingress[0]",
      rules: ["NetworkPolicy default/server ingress[0]"],
    },
  ]);
});
