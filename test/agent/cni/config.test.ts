import { expect, test } from "vitest";

import { parseConfig } from "#agent/cni/config.ts";

const least = { cniVersion: "1.0.0", name: "weir" };

test("what is not said is not there", () => {
  const config = parseConfig(least);
  expect(JSON.parse(JSON.stringify(config))).toEqual({ ...least, labels: {}, askedAddresses: [] });
});

test("cni-16 fields of others and of later versions are tolerated, and null is absent", () => {
  const fields = { type: "weir-cni", ipMasq: true, "cni.dev/x": 1, disableGC: true, ipam: {}, mtu: null, args: null };
  expect(parseConfig({ ...least, ...fields })).toMatchObject({ name: "weir", labels: {} });
});

test("the service account is no label of the pod", () => {
  const labels = [
    { key: "app", value: "web" },
    { key: "empty", value: "" },
    { key: "io.kubernetes.serviceaccount.name", value: "seller" },
  ];
  const config = parseConfig({ ...least, args: { cni: { labels } } });
  expect(config).toMatchObject({ labels: { app: "web", empty: "" }, serviceAccount: "seller" });
});

test.for([
  [{ ...least, mtu: "1500" }, "mtu: "],
  [{ ...least, mtu: 67 }, "mtu: "],
  [{ ...least, dns: { search: "a" } }, "dns.search: "],
  [{ ...least, args: { cni: { labels: [{ key: "a" }] } } }, "args.cni.labels.0.value: "],
  [{ ...least, runtimeConfig: [] }, "runtimeConfig: "],
  [{ ...least, ipam: { routes: [{ dst: "everywhere" }] } }, "ipam.routes.0.dst: must be ADDRESS/BITS"],
  [{ ...least, "cni.dev/valid-attachments": [{ containerID: "a" }] }, "cni.dev/valid-attachments.0.ifname: "],
] as const)("%j is code 7", ([value, message]) => {
  expect(() => parseConfig(value)).toThrow(
    expect.objectContaining({ code: 7, message: expect.stringContaining(`invalid network configuration: ${message}`) }),
  );
});
