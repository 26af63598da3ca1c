import { describe, expect, test } from "vitest";
import { readRuntimeConfig } from "#agent/cni/runtime-config.ts";

describe("the capability bandwidth", () => {
  test("brings rates and bursts of both ways, or of one", () => {
    const whole = { ingressRate: 2048, ingressBurst: 1600, egressRate: 4096, egressBurst: 1601 };
    expect(readRuntimeConfig({ bandwidth: whole })).toMatchObject({
      bandwidth: { ingress: { rate: 2048, burst: 1600 }, egress: { rate: 4096, burst: 1601 } },
    });
    expect(readRuntimeConfig({ bandwidth: { egressRate: 10_000_000 } })).toMatchObject({
      bandwidth: { ingress: null, egress: { rate: 10_000_000, burst: null } },
    });
  });

  test("may say nothing", () => {
    const nothing = { ingressRate: 0, ingressBurst: 0, egressRate: 0, egressBurst: 0 };
    for (const given of [{}, { bandwidth: {} }, { bandwidth: nothing }])
      expect(readRuntimeConfig(given)).toEqual({ addresses: [], hasPortMappings: false });
  });

  test.for([
    [{ bandwidth: "fast" }, "runtimeConfig.bandwidth: "],
    [{ bandwidth: { egressRate: "10M" } }, "runtimeConfig.bandwidth.egressRate: "],
    [{ bandwidth: { ingressRate: -1 } }, "runtimeConfig.bandwidth.ingressRate: "],
    [{ bandwidth: { ingressRate: 1.5 } }, "runtimeConfig.bandwidth.ingressRate: "],
    [{ bandwidth: { egressBurst: 5 } }, "runtimeConfig.bandwidth.egressBurst: is 5, and there is no egressRate"],
    [{ bandwidth: { egressRate: 5, shapedSubnets: [] } }, 'runtimeConfig.bandwidth: Unrecognized key: "shapedSubnets"'],
  ] as const)("%j is refused", ([given, message]) => {
    expect(() => readRuntimeConfig(given)).toThrow(message);
  });
});

describe("the other capabilities", () => {
  test("ips are addresses, with or without a prefix, each once", () => {
    const ips = ["10.0.0.7/24", "10.0.0.7", "FD00:0::7/64"];
    expect(readRuntimeConfig({ ips }, ["10.0.0.8"]).addresses).toEqual(["10.0.0.7", "fd00::7", "10.0.0.8"]);
  });

  test("mac, mtu and dns are taken, and port mappings are another plugin's to make", () => {
    const portMappings = [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }];
    const dns = { servers: ["10.96.0.10"], searches: ["svc"], options: ["ndots:5"] };
    expect(readRuntimeConfig({ mac: "02:AB:00:00:00:01", mtu: 1400, dns, portMappings })).toEqual({
      addresses: [],
      mac: "02:ab:00:00:00:01",
      mtu: 1400,
      dns: { nameservers: ["10.96.0.10"], search: ["svc"], options: ["ndots:5"] },
      hasPortMappings: true,
    });
  });

  test("fields may have containerd's names, with a capital", () => {
    const given = {
      bandwidth: { IngressRate: 0, IngressBurst: 0, EgressRate: 4096, EgressBurst: 1601 },
      dns: { Servers: ["10.96.0.10"], Searches: ["svc"], Options: ["ndots:5"] },
      portMappings: [{ HostPort: 8080, ContainerPort: 80, Protocol: "tcp", HostIP: "" }],
    };
    expect(readRuntimeConfig(given)).toEqual({
      addresses: [],
      bandwidth: { ingress: null, egress: { rate: 4096, burst: 1601 } },
      dns: { nameservers: ["10.96.0.10"], search: ["svc"], options: ["ndots:5"] },
      hasPortMappings: true,
    });
  });

  test.for([
    [{ ips: ["10.0.0"] }, 7, 'runtimeConfig.ips: "10.0.0" is not an IP address'],
    [{ ips: ["10.0.0.1/33"] }, 7, 'runtimeConfig.ips: "10.0.0.1/33" is not an IP address'],
    [{ mac: "02:00" }, 7, "runtimeConfig.mac: must be a MAC address"],
    [{ mac: "01:00:5e:00:00:01" }, 7, "is not the address of one interface"],
    [{ mac: "00:00:00:00:00:00" }, 7, "is not the address of one interface"],
    [{ mtu: 67 }, 7, "runtimeConfig.mtu: "],
    [{ portMappings: [{ hostPort: 80 }] }, 7, "runtimeConfig.portMappings.0.containerPort: "],
    [{ toString: 1 }, 2, "unsupported field runtimeConfig.toString: 1"],
    [{ aliases: ["db"] }, 2, 'unsupported field runtimeConfig.aliases: ["db"]'],
  ] as const)("cni-93 %j is refused", ([given, code, message]) => {
    expect(() => readRuntimeConfig(given)).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(message) }),
    );
  });
});
