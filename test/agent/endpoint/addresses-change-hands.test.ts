import { expect, test } from "vitest";
import { reservedIdentities } from "#policy/model/reserved.ts";
import { ciliumPolicy, ciliumRule } from "#test/support/cilium-objects.ts";
import { makeEndpoint, makeEnforcement } from "#test/support/enforcement.ts";
import { MemoryKernel } from "#test/support/memory-kernel.ts";

const subject = (app: string) => ({ namespace: "n", labels: { app }, serviceAccount: "default", namedPorts: [] });
const address = "192.168.7.9";

/** Lets all pods reach one address, where nobody of the cluster has it. */
const policy = ciliumPolicy({
  egress: [ciliumRule({ cidrs: [{ kind: "cidr", cidr: `${address}/32`, except: [] }] })],
});

function verdict(kernel: MemoryKernel): string {
  return kernel.judge({ source: "10.0.0.2", destination: address, protocol: 6, port: 80 }).egress.verdict;
}

test("a range that means what is outside of the cluster means an address as soon as a pod has left it", async () => {
  const kernel = new MemoryKernel();
  const { enforcement } = makeEnforcement(kernel);
  const stranger = makeEndpoint(9, subject("stranger"), 300, address);
  await enforcement.add(makeEndpoint(2, subject("client"), 256));
  await enforcement.add(stranger);
  await enforcement.replacePolicy(enforcement.engine.evolve([policy]), { always: true });
  expect(verdict(kernel)).toBe("deny");
  enforcement.remove(stranger.id);
  expect(verdict(kernel)).toBe("allow");
  await enforcement.add({ ...stranger, id: 10 });
  expect(verdict(kernel)).toBe("deny");
});

test("and when a node has left it", async () => {
  const kernel = new MemoryKernel();
  const { enforcement } = makeEnforcement(kernel);
  await enforcement.add(makeEndpoint(2, subject("client"), 256));
  enforcement.setNodeAddresses(["10.0.0.1", address]);
  await enforcement.replacePolicy(enforcement.engine.evolve([policy]), { always: true });
  expect(verdict(kernel)).toBe("deny");
  enforcement.setNodeAddresses(["10.0.0.1"]);
  expect(verdict(kernel)).toBe("allow");
});

test("an address that objects give to a node is that node's again when a pod has left it", async () => {
  const kernel = new MemoryKernel();
  const { enforcement } = makeEnforcement(kernel);
  const node = reservedIdentities["remote-node"];
  const outsiders = { prefixes: [{ prefix: `${address}/32`, identity: node }], parties: new Map(), ownLabels: {} };
  await enforcement.replacePolicy(enforcement.engine.evolve([]), { always: true, outsiders });
  const identity = (): number | undefined =>
    [...kernel.ipcache.read()].find(({ prefix }) => prefix === `${address}/32`)?.identity;
  expect(identity()).toBe(node);
  await enforcement.add(makeEndpoint(9, subject("stranger"), 300, address));
  expect(identity()).toBe(300);
  enforcement.remove(9);
  expect(identity()).toBe(node);
  enforcement.setNodeAddresses([address]);
  enforcement.setNodeAddresses([]);
  expect(identity()).toBe(node);
});
