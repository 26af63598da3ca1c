import { expect, test } from "vitest";
import { resolveParties } from "#policy/explain/parties.ts";
import { parseObjects } from "#policy/parse/objects.ts";

const pod = (name: string, ips: string, rest = ""): string =>
  `{apiVersion: v1, kind: Pod, metadata: {name: ${name}, namespace: n}, spec: {${rest}}, status: {podIPs: [${ips}]}}`;
const parsed = parseObjects(
  [
    pod("both", "{ip: 10.0.0.1}, {ip: 'fd00::1'}"),
    pod("other", "{ip: 10.0.0.2}, {ip: 'fd00::2'}"),
    pod("six", "{ip: 'fd00::3'}"),
    pod("four", "{ip: 10.0.0.4}"),
    pod("new", ""),
    pod("agent", "{ip: 10.9.0.1}", "hostNetwork: true"),
  ].join("\n---\n"),
  "f",
);
const objects = parsed.ok ? parsed.objects : [];

test.each([
  ["n/both", "n/other", "10.0.0.1", "10.0.0.2"],
  ["n/both", "n/six", "fd00::1", "fd00::3"],
  ["n/both", "2001:DB8::1", "fd00::1", "2001:db8::1"],
  ["n/both", "n/new", "10.0.0.1", undefined],
])("%s to %s is %s to %s", (from, to, source, destination) => {
  const parties = resolveParties(objects, from, to);
  expect(parties.ok && [parties.source.address, parties.destination.address]).toEqual([source, destination]);
});

test("an address is the pod's that has it, or the world's", () => {
  const parties = resolveParties(objects, "10.0.0.4", "10.0.0.9");
  expect(parties).toMatchObject({ source: { subject: { namespace: "n" } }, destination: { reserved: "world" } });
});

test("a pod in a node's network is who has its address, of which no object tells", () => {
  expect(resolveParties(objects, "n/agent", "n/four")).toMatchObject({
    source: { reserved: "world", address: "10.9.0.1" },
  });
});

test.each([
  ["n/gone", "n/both", "not-found", "pod n/gone is not known"],
  ["n/both", "both", "invalid", '"both" is neither NAMESPACE/POD nor an IP address'],
  ["n/both", "10.0.0.300", "invalid", '"10.0.0.300" is neither NAMESPACE/POD nor an IP address'],
  ["n/four", "n/six", "invalid", "n/four and n/six have no address family in common"],
])("%s to %s: %s, %s", (from, to, reason, error) => {
  expect(resolveParties(objects, from, to)).toEqual({ ok: false, reason, error });
});
