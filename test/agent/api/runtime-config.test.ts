import { describe, expect, test } from "vitest";
import { readRuntimeConfig } from "#agent/api/runtime-config.ts";

describe("the capability bandwidth", () => {
  test("brings rates and bursts of both ways, or of one", () => {
    const whole = { ingressRate: 2048, ingressBurst: 1600, egressRate: 4096, egressBurst: 1601 };
    expect(readRuntimeConfig({ bandwidth: whole })).toEqual({
      bandwidth: { ingress: { rate: 2048, burst: 1600 }, egress: { rate: 4096, burst: 1601 } },
    });
    expect(readRuntimeConfig({ bandwidth: { egressRate: 10_000_000 } })).toEqual({
      bandwidth: { ingress: null, egress: { rate: 10_000_000, burst: null } },
    });
  });

  test("may say nothing", () => {
    const nothing = { ingressRate: 0, ingressBurst: 0, egressRate: 0, egressBurst: 0 };
    expect([{}, { bandwidth: {} }, { bandwidth: nothing }].map(readRuntimeConfig)).toEqual([{}, {}, {}]);
  });

  test.for([
    [{ bandwidth: "fast" }, "runtimeConfig.bandwidth: "],
    [{ bandwidth: { egressRate: "10M" } }, "runtimeConfig.bandwidth.egressRate: "],
    [{ bandwidth: { ingressRate: -1 } }, "runtimeConfig.bandwidth.ingressRate: "],
    [{ bandwidth: { ingressRate: 1.5 } }, "runtimeConfig.bandwidth.ingressRate: "],
    [{ bandwidth: { egressBurst: 5 } }, "runtimeConfig.bandwidth.egressBurst: is 5, and there is no egressRate"],
    [{ bandwidth: { egressRate: 5, shapedSubnets: [] } }, 'runtimeConfig.bandwidth: Unrecognized key: "shapedSubnets"'],
    [{ portMappings: [], bandwidth: {} }, "runtimeConfig has portMappings, which is not supported in this version"],
  ] as const)("%j is refused", ([given, message]) => {
    expect(() => readRuntimeConfig(given)).toThrow(message);
  });
});
