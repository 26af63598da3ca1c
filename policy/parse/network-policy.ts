import { cidrContains, formatCidr } from "#policy/model/cidr.ts";
import type {
  IpBlock,
  NetworkPolicyObject,
  NetworkPolicyPeer,
  NetworkPolicyPort,
  NetworkPolicyRule,
} from "#policy/model/object.ts";
import { PROTOCOLS } from "#policy/model/protocol.ts";
import { readRange } from "./cidr.ts";
import { readLabelSelector } from "./label-selector.ts";
import type { KindReader } from "./kind-reader.ts";
import { portNameFault } from "./names.ts";
import type { Reader } from "./reader.ts";

const POLICY_TYPES = ["Ingress", "Egress"] as const;

/** `networking.k8s.io/v1` NetworkPolicy, with the defaults that the API server fills in. */
export const readNetworkPolicy: KindReader<NetworkPolicyObject> = (object, base) => {
  object.ignore(["status"]);
  const fields = object.required("spec")?.fields();
  if (!fields) return null;
  const podSelector = readLabelSelector(fields.optional("podSelector"));
  const ingress = readRules(fields.optional("ingress"), "from");
  const egress = readRules(fields.optional("egress"), "to");
  const given = fields.optional("policyTypes")?.items() ?? [];
  const types = given.map((type) => type.oneOf(POLICY_TYPES)).filter((type) => type !== null);
  fields.refuseOthers();
  const policyTypes: NetworkPolicyObject["policyTypes"] =
    given.length > 0 ? [...new Set(types)] : egress.length > 0 ? POLICY_TYPES : ["Ingress"];
  return { kind: "NetworkPolicy", ...base, podSelector, policyTypes, ingress, egress };
};

function readRules(reader: Reader | null, peersField: "from" | "to"): NetworkPolicyRule[] {
  const rules: NetworkPolicyRule[] = [];
  for (const item of reader?.items() ?? []) {
    const fields = item.isNull ? item.fail("is empty; write {} for a rule that allows everything") : item.fields();
    const peers = fields?.optional(peersField)?.items().map(readPeer) ?? [];
    const ports = fields?.optional("ports")?.items().map(readPort) ?? [];
    fields?.refuseOthers();
    rules.push({
      line: item.line,
      peers: peers.filter((peer) => peer !== null),
      ports: ports.filter((port) => port !== null),
    });
  }
  return rules;
}

function readPeer(reader: Reader): NetworkPolicyPeer | null {
  const fields = reader.fields();
  if (!fields) return null;
  const pods = fields.optional("podSelector");
  const namespaces = fields.optional("namespaceSelector");
  const block = fields.optional("ipBlock");
  fields.refuseOthers();
  if (block && (pods || namespaces)) block.fail("cannot stand beside podSelector or namespaceSelector; use two peers");
  if (!block && !pods && !namespaces)
    reader.fail("names no peer; accepted are podSelector, namespaceSelector and ipBlock");
  return {
    podSelector: pods && readLabelSelector(pods),
    namespaceSelector: namespaces && readLabelSelector(namespaces),
    ipBlock: block && readIpBlock(block),
  };
}

function readIpBlock(reader: Reader): IpBlock | null {
  const fields = reader.fields();
  if (!fields) return null;
  const cidr = fields.required("cidr");
  const range = cidr && readRange(cidr);
  const except: string[] = [];
  for (const item of fields.optional("except")?.items() ?? []) {
    const hole = readRange(item);
    if (!hole) continue;
    except.push(formatCidr(hole));
    if (!range) continue;
    const [inner, outer] = [item.string(), cidr?.string()];
    if (!cidrContains(range, hole)) item.fail(`"${inner}" is not inside ${outer}`);
    else if (hole.bits === range.bits) item.fail(`"${inner}" is all of ${outer}; it must be a part of it`);
  }
  fields.refuseOthers();
  return range && { cidr: formatCidr(range), except: [...new Set(except)].sort() };
}

function readPort(reader: Reader): NetworkPolicyPort | null {
  const fields = reader.fields();
  if (!fields) return null;
  const protocolField = fields.optional("protocol");
  const protocol = protocolField ? protocolField.oneOf(PROTOCOLS) : "TCP";
  const portField = fields.optional("port");
  const port = portField && (portField.isNumber ? portField.integer(1, 65535) : portField.text(portNameFault));
  const endField = fields.optional("endPort");
  const endPort = endField && endField.integer(1, 65535);
  fields.refuseOthers();
  if (endField && !portField) endField.fail("needs port, the first port of the range");
  if (endField && typeof port === "string") endField.fail(`cannot stand beside a port's name, "${port}"`);
  if (endField && typeof port === "number" && endPort !== null && endPort < port) {
    endField.fail(`${endPort} is smaller than port, ${port}`);
  }
  return protocol && { protocol, port, endPort };
}
