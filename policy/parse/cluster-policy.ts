import type { ClusterPolicyObject, ClusterRule } from "#policy/model/cluster-object.ts";
import type { Direction } from "#policy/model/rule.ts";
import type { ClusterDialect } from "./cluster-dialect.ts";
import { readClusterPeer, readSubject } from "./cluster-peers.ts";
import { readClusterPorts } from "./cluster-ports.ts";
import type { KindReader } from "./kind-reader.ts";
import { readLimitedItems } from "./limited-items.ts";
import type { Fields, Reader } from "./reader.ts";

const TIERS = ["Admin", "Baseline"] as const;
const LONGEST_NAME = 100;
/** After every ClusterNetworkPolicy of the Baseline tier. */
const LAST_PRIORITY = 1001;
const BASELINE_NAME = "default";
/** Peers that declare no ports, by their fields. */
const NAMELESS = { nodes: "nodes", networks: "networks", names: "domainNames" } as const;

/** `policy.networking.k8s.io` ClusterNetworkPolicy, AdminNetworkPolicy and BaselineAdminNetworkPolicy. */
export function clusterPolicyReader(dialect: ClusterDialect): KindReader<ClusterPolicyObject> {
  return (object, base) => {
    object.ignore(["status"]);
    if (dialect.kind === "BaselineAdminNetworkPolicy" && base.name !== "" && base.name !== BASELINE_NAME) {
      object
        .optional("metadata")
        ?.fields()
        ?.optional("name")
        ?.fail(`"${base.name}" is not ${BASELINE_NAME}: there is only one`);
    }
    const fields = object.required("spec")?.fields();
    if (!fields) return null;
    const place = readPlace(fields, dialect);
    const subject = readSubject(fields);
    const ingress = readRules(fields, "ingress", dialect);
    const egress = readRules(fields, "egress", dialect);
    fields.refuseOthers();
    return subject && { kind: dialect.kind, ...base, ...place, subject, ingress, egress };
  };
}

function readPlace(fields: Fields, { kind }: ClusterDialect): Pick<ClusterPolicyObject, "tier" | "priority"> {
  if (kind === "BaselineAdminNetworkPolicy") return { tier: "Baseline", priority: LAST_PRIORITY };
  const tier = kind === "AdminNetworkPolicy" ? "Admin" : fields.required("tier")?.oneOf(TIERS);
  return { tier: tier ?? "Admin", priority: fields.required("priority")?.integer(0, 1000) ?? 0 };
}

function readRules(fields: Fields, direction: Direction, dialect: ClusterDialect): ClusterRule[] {
  const list = fields.optional(direction);
  const items = list ? readLimitedItems(list, { least: 0, most: dialect.most, of: "rules" }) : [];
  return items.map((item) => readRule(item, direction, dialect));
}

function readRule(item: Reader, direction: Direction, dialect: ClusterDialect): ClusterRule {
  const fields = item.fields();
  fields?.optional("name")?.text(ruleNameFault);
  const name = fields?.required("action")?.oneOf(Object.keys(dialect.actions)) ?? null;
  const action = (name !== null && dialect.actions[name]) || "Accept";
  const list = fields?.required(direction === "ingress" ? "from" : "to");
  const peerItems = list ? readLimitedItems(list, { least: 1, most: dialect.most, of: "peers" }) : [];
  const peers = peerItems
    .map((peer) => readClusterPeer(peer, direction, action, dialect))
    .filter((peer) => peer !== null);
  const ports = fields ? readClusterPorts(fields, dialect) : [];
  const nameless = peers.flatMap((peer) => (peer.kind === "pods" ? [] : [NAMELESS[peer.kind]]))[0];
  for (const { field, port } of ports) {
    if (port.kind === "name" && nameless !== undefined) {
      field.fail(`a port's name cannot stand beside ${nameless}, which have no names for ports`);
    }
  }
  fields?.refuseOthers();
  return { line: item.line, action, peers, ports: ports.map(({ port }) => port) };
}

function ruleNameFault(name: string): string | null {
  return [...name].length > LONGEST_NAME ? `is longer than ${LONGEST_NAME} characters` : null;
}
