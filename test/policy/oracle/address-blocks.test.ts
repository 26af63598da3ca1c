import { describe, expect, test } from "vitest";
import type { CiliumCidr, CiliumCidrGroupObject } from "#policy/model/cilium-object.ts";
import type { Party } from "#policy/model/flow.ts";
import type { PolicyObject } from "#policy/model/object.ts";
import { judge } from "#policy/oracle/oracle.ts";
import type { OracleOptions } from "#policy/oracle/question.ts";
import { ciliumPolicy, ciliumRule } from "#test/support/cilium-objects.ts";
import {
  EVERY,
  clusterPolicy,
  clusterRule,
  expression,
  kubernetesPolicy,
  kubernetesRule,
  labelled,
  peerOf,
  pod,
  source,
  tcp,
} from "#test/support/policy-objects.ts";

const self = pod("n/self", "10.0.0.9");
const parties: Readonly<Record<string, Party>> = {
  pod: pod("n/pod", "10.0.0.1"),
  node: { reserved: "remote-node", address: "10.0.0.2" },
  world: { address: "10.0.0.3" },
  far: { reserved: "world", address: "192.0.2.1" },
  unknown: { subject: self.subject },
};

function meant(objects: PolicyObject[], options: OracleOptions = {}): string {
  const names = Object.entries(parties).filter(
    ([, party]) => judge(objects, tcp(self, party), options).egress.rules.length > 0,
  );
  return names.map(([name]) => name).join(" ");
}

const block = "10.0.0.0/24";
const ofKubernetes = kubernetesPolicy({
  egress: [kubernetesRule({ peers: [peerOf({ ipBlock: { cidr: block, except: [] } })] })],
});
const ofCluster = clusterPolicy({ egress: [clusterRule("Deny", { peers: [{ kind: "networks", cidrs: [block] }] })] });
const ofCilium = ciliumPolicy({ egress: [ciliumRule({ cidrs: [{ kind: "cidr", cidr: block, except: [] }] })] });

describe("whose addresses a block means", () => {
  test("in NetworkPolicy and ClusterNetworkPolicy everybody's", () => {
    expect([meant([ofKubernetes]), meant([ofCluster])]).toEqual(["pod node world", "pod node world"]);
  });

  test("in CiliumNetworkPolicy those of nobody inside", () => {
    expect(meant([ofCilium])).toBe("world");
  });

  test("of API servers those that run on no node are outside", () => {
    const server: Party = { reserved: "kube-apiserver", address: "10.0.0.4" };
    expect(judge([ofCilium], tcp(self, server)).egress.verdict).toBe("allow");
    expect(judge([ofCilium], tcp(self, { ...server, nodeLabels: {} })).egress.verdict).toBe("deny");
  });

  test("as the switch says, in all languages", () => {
    for (const one of [ofKubernetes, ofCluster, ofCilium]) {
      expect(meant([one], { cidrMatchesPods: true })).toBe("pod node world");
      expect(meant([one], { cidrMatchesPods: false })).toBe("world");
    }
  });
});

describe("exceptions", () => {
  test("take away from their own block only", () => {
    const holes = (except: string[]) => kubernetesRule({ peers: [peerOf({ ipBlock: { cidr: block, except } })] });
    expect(meant([kubernetesPolicy({ egress: [holes(["10.0.0.0/30"])] })])).toBe("");
    expect(meant([kubernetesPolicy({ egress: [holes(["10.0.0.2/32", "10.0.0.3/32"])] })])).toBe("pod");
    expect(meant([kubernetesPolicy({ egress: [holes(["10.0.0.0/30"]), holes([])] })])).toBe("pod node world");
    const cidrs: CiliumCidr[] = [{ kind: "cidr", cidr: "0.0.0.0/0", except: ["10.0.0.0/8"] }];
    expect(meant([ciliumPolicy({ egress: [ciliumRule({ cidrs })] })])).toBe("far");
  });

  test("of a deny leave what they except to the allows", () => {
    const egressDeny = [ciliumRule({ cidrs: [{ kind: "cidr", cidr: "0.0.0.0/0", except: ["192.0.2.0/24"] }] })];
    const policy = ciliumPolicy({ egress: [ciliumRule({ entities: ["world"] })], egressDeny });
    const say = (party: Party): string => judge([policy], tcp(self, party)).egress.verdict;
    expect([say(parties["world"] ?? {}), say(parties["far"] ?? {})]).toEqual(["deny", "allow"]);
  });
});

describe("groups of ranges", () => {
  const group = (name: string, cidrs: string[], labels = {}): CiliumCidrGroupObject => {
    return { kind: "CiliumCIDRGroup", namespace: "", name, source, labels, cidrs };
  };
  const groups = [group("near", [block], { at: "home" }), group("far", ["198.51.100.0/24", "192.0.2.0/24"])];
  const meantBy = (...cidrs: CiliumCidr[]): string =>
    meant([...groups, ciliumPolicy({ egress: [ciliumRule({ cidrs })] })]);

  test("by name", () => {
    expect(meantBy({ kind: "group", name: "far", except: [] })).toBe("far");
    expect(meantBy({ kind: "group", name: "missing", except: [] })).toBe("");
  });

  test("by labels", () => {
    expect(meantBy({ kind: "groups", selector: labelled({ at: "home" }), except: [] })).toBe("world");
    expect(meantBy({ kind: "groups", selector: expression("at", "DoesNotExist"), except: [] })).toBe("far");
    expect(meantBy({ kind: "groups", selector: EVERY, except: [] })).toBe("world far");
  });

  test("with exceptions from each of their ranges", () => {
    expect(meantBy({ kind: "groups", selector: EVERY, except: ["10.0.0.0/8"] })).toBe("far");
  });
});
