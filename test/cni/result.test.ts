import { expect, test } from "vitest";

import type { Attachment } from "#agent/api/attachment.ts";
import { addResult } from "#cni/result.ts";

const attachment: Attachment = {
  id: 7,
  hostInterface: "weir0123456789a",
  mac: "02:00:00:00:00:02",
  hostMac: "02:00:00:00:00:01",
  mtu: 1450,
  ipv4: { address: "10.0.0.7", prefix: 32, gateway: "10.0.0.1" },
  ipv6: null,
};
const input = { attachment, ifName: "eth0", netns: "/run/netns/a", dns: undefined };
const plain = { address: "10.0.0.7/32", gateway: "10.0.0.1", interface: 1 };

test.for([
  ["0.3.0", { version: "4", ...plain }, {}],
  ["0.3.1", { version: "4", ...plain }, {}],
  ["0.4.0", { version: "4", ...plain }, {}],
  ["1.0.0", plain, {}],
  ["1.1.0", plain, { mtu: 1450 }],
] as const)("cni-88 the result of %s", ([version, ip, mtu]) => {
  expect(addResult(version, input)).toEqual({
    cniVersion: version,
    interfaces: [
      { name: "weir0123456789a", mac: "02:00:00:00:00:01", ...mtu },
      { name: "eth0", mac: "02:00:00:00:00:02", ...mtu, sandbox: "/run/netns/a" },
    ],
    ips: [ip],
    routes: [{ dst: "0.0.0.0/0", gw: "10.0.0.1" }],
  });
});

test("cni-13 the configuration's name servers are passed on", () => {
  const dns = { nameservers: ["10.96.0.10"], search: ["svc.cluster.local"] };
  expect(addResult("1.0.0", { ...input, dns })).toMatchObject({ dns });
});
