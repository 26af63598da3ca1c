import { formatCidr } from "#policy/model/cidr.ts";
import type { CiliumCidr, CiliumCidrGroupObject, CiliumRule } from "#policy/model/cilium-object.ts";
import type { ClusterRule } from "#policy/model/cluster-object.ts";
import type { NetworkPolicyRule, PolicyObject } from "#policy/model/object.ts";
import { ciliumPolicy, ciliumRule, clusterwidePolicy } from "./cilium-objects.ts";
import {
  EVERY,
  clusterPolicy,
  clusterRule,
  kubernetesPolicy,
  kubernetesRule,
  labelled,
  peerOf,
  source,
} from "./policy-objects.ts";
import { type RandomCidrs, cidrTexts } from "./random-cidrs.ts";
import type { Random } from "./random.ts";

/** Policies of all languages for the pods of the namespace `n`, nearly all of whose rules are about addresses. */
export function randomAddressPolicies(random: Random, cidrs: RandomCidrs): PolicyObject[] {
  const block = (): { cidr: string; except: string[] } => {
    const range = cidrs.cidr();
    const except = random.chance(0.5) ? cidrTexts(random.list(0, 3, () => cidrs.inside(range))) : [];
    return { cidr: formatCidr(range), except };
  };
  const networkRule = (): NetworkPolicyRule =>
    kubernetesRule({
      peers: random.list(1, 3, () =>
        random.chance(0.85) ? peerOf({ ipBlock: block() }) : peerOf({ podSelector: EVERY, namespaceSelector: EVERY }),
      ),
    });
  const ciliumCidr = (): CiliumCidr => {
    const { cidr, except } = block();
    const kind = random.pick(["cidr", "cidr", "group", "groups"] as const);
    if (kind === "cidr") return { kind, cidr, except };
    if (kind === "group") return { kind, name: `group-${random.integer(0, 2)}`, except };
    return { kind, selector: labelled({ team: random.pick(["a", "b"]) }), except };
  };
  const ciliumRules = (): CiliumRule[] =>
    random.list(0, 2, () =>
      ciliumRule(
        random.chance(0.85)
          ? { cidrs: random.list(1, 3, ciliumCidr) }
          : { entities: [random.pick(["world", "world-ipv4", "world-ipv6", "cluster", "all"] as const)] },
      ),
    );
  const clusterRules = (): ClusterRule[] =>
    random.list(0, 3, () =>
      clusterRule(random.pick(["Accept", "Deny", "Pass"] as const), {
        peers: [{ kind: "networks", cidrs: cidrTexts(random.list(1, 3, () => cidrs.cidr())) }],
      }),
    );
  const policy = (i: number): PolicyObject => {
    const name = `policy-${i}`;
    switch (random.pick(["kubernetes", "cilium", "clusterwide", "cluster"] as const)) {
      case "kubernetes":
        return kubernetesPolicy({
          name,
          ingress: random.list(0, 2, networkRule),
          egress: random.list(0, 2, networkRule),
        });
      case "cilium":
      case "clusterwide": {
        const make = random.chance(0.5) ? ciliumPolicy : clusterwidePolicy;
        const [ingress, egress, ingressDeny, egressDeny] = [ciliumRules(), ciliumRules(), ciliumRules(), ciliumRules()];
        const defaultDeny = { ingress: random.chance(0.5), egress: random.chance(0.5) };
        return make({ ingress, egress, ingressDeny, egressDeny, defaultDeny }, { name });
      }
      case "cluster": {
        const tier = random.pick(["Admin", "Baseline"] as const);
        const priority = random.pick([1, 2, 2]);
        return clusterPolicy({ name, tier, priority, ingress: clusterRules(), egress: clusterRules() });
      }
    }
  };
  const groups = [0, 1].map((i): CiliumCidrGroupObject => {
    const texts = cidrTexts(random.list(1, 3, () => cidrs.cidr()));
    return {
      kind: "CiliumCIDRGroup",
      namespace: "",
      name: `group-${i}`,
      source,
      labels: { team: random.pick(["a", "b"]) },
      cidrs: texts,
    };
  });
  return [...groups, ...Array.from({ length: random.integer(2, 6) }, (_, i) => policy(i))];
}
