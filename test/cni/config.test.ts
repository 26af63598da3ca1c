import { expect, test } from "vitest";

import { parseConfig, parseJson, versionOf } from "#cni/config.ts";

const least = { cniVersion: "1.0.0", name: "weir" };

function complaint(value: unknown): string | undefined {
  const outcome = parseConfig(value, "ADD", "0.3.0");
  return outcome.ok ? undefined : `${outcome.error.code} ${outcome.error.message}`;
}

test("what is not said has a default", () => {
  expect(parseConfig(least, "ADD", "0.3.0")).toEqual({
    ok: true,
    value: {
      cniVersion: "1.0.0",
      name: "weir",
      runDir: "/run/weir",
      mtu: undefined,
      logFile: undefined,
      logLevel: "warn",
      dns: undefined,
      labels: {},
      serviceAccount: undefined,
      runtimeConfig: undefined,
      prevResult: undefined,
    },
  });
});

test("cni-16 fields of others and of later versions are tolerated", () => {
  expect(complaint({ ...least, type: "weir-cni", ipMasq: true, "cni.dev/x": 1, disableGC: true, ipam: {} })).toBe(
    undefined,
  );
});

test("the service account is no label of the pod", () => {
  const labels = [
    { key: "app", value: "web" },
    { key: "empty", value: "" },
    { key: "io.kubernetes.serviceaccount.name", value: "seller" },
  ];
  const outcome = parseConfig({ ...least, args: { cni: { labels } } }, "ADD", "0.3.0");
  expect(outcome).toMatchObject({ ok: true, value: { labels: { app: "web", empty: "" }, serviceAccount: "seller" } });
});

test.for([
  [[], "1 network configuration is not an object"],
  [null, "1 network configuration is not an object"],
  [{ ...least, cniVersion: 1 }, "1 cniVersion 1 is not supported"],
  [{ ...least, cniVersion: "1.2.0" }, '1 cniVersion "1.2.0" is not supported'],
  [{ cniVersion: "1.0.0" }, "7 invalid network configuration: name: is missing, must be"],
  [{ ...least, name: "-a" }, '7 invalid network configuration: name: "-a" is not'],
  [{ ...least, type: "../x" }, '7 invalid network configuration: type: "../x" is not a name without slashes'],
  [{ ...least, runDir: "run" }, '7 invalid network configuration: runDir: "run" is not an absolute path'],
  [{ ...least, mtu: "1500" }, '7 invalid network configuration: mtu: "1500" is not an integer from 68 to 65535'],
  [{ ...least, mtu: 67 }, "7 invalid network configuration: mtu: 67 is not an integer from 68 to 65535"],
  [{ ...least, logLevel: "loud" }, '7 invalid network configuration: logLevel: "loud" is not one of debug'],
  [{ ...least, dns: { search: "a" } }, '7 invalid network configuration: dns.search: "a" is not a list'],
  [
    { ...least, args: { cni: { labels: [{ key: "a" }] } } },
    "7 invalid network configuration: args.cni.labels[0].value: is missing, must be a text",
  ],
  [{ ...least, runtimeConfig: [] }, "7 invalid network configuration: runtimeConfig: [] is not an object"],
] as const)("%j is refused", ([value, message]) => {
  expect(complaint(value)).toContain(message);
});

test("text that is not JSON is code 6", () => {
  expect(parseJson("{")).toMatchObject({ ok: false, error: { code: 6 } });
  expect(parseJson(`{"cniVersion":"0.4.0"}`)).toEqual({ ok: true, value: { cniVersion: "0.4.0" } });
});

test("an error is told under the version of the configuration, where we speak it", () => {
  expect(versionOf({ cniVersion: "0.3.1" })).toBe("0.3.1");
  for (const value of [{ cniVersion: "0.2.0" }, {}, null, "0.3.1"]) expect(versionOf(value)).toBeUndefined();
});
