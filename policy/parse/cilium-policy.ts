import {
  CILIUM_SECTIONS,
  type CiliumPolicyObject,
  type CiliumRule,
  type CiliumSection,
  type CiliumSpec,
} from "#policy/model/cilium-object.ts";
import { readRule } from "./cilium-rule.ts";
import { readEndpointSelector, readNodeSelector } from "./cilium-selector.ts";
import type { KindReader } from "./kind-reader.ts";
import { RegexChecks } from "./l7-regexes.ts";
import type { Fields, Reader } from "./reader.ts";

type Kind = CiliumPolicyObject["kind"];

/** `cilium.io/v2` CiliumNetworkPolicy or CiliumClusterwideNetworkPolicy. */
export function ciliumPolicyReader(kind: Kind): KindReader<CiliumPolicyObject> {
  return (object, base) => {
    object.ignore(["status"]);
    const spec = object.optional("spec");
    const list = object.optional("specs");
    const items = list?.items() ?? [];
    if (!spec && !list) object.owner.fail("has neither spec nor specs");
    else if (!spec && list?.isEmptyList) list.fail("is empty, and there is no spec");
    const regexes = new RegexChecks();
    const specs = [
      ...(spec ? [readSpec(spec, "", kind, regexes)] : []),
      ...items.map((item, i) => readSpec(item, `specs[${i}].`, kind, regexes)),
    ];
    return { kind, ...base, specs: specs.filter((one) => one !== null) };
  };
}

function readSpec(reader: Reader, prefix: string, kind: Kind, regexes: RegexChecks): CiliumSpec | null {
  const fields = reader.fields();
  if (!fields) return null;
  const subjects = readSubjects(fields, kind);
  const isHost = subjects.nodes !== null;
  const sections = Object.fromEntries(
    CILIUM_SECTIONS.map((section) => [section, readSection(fields, section, isHost, regexes)]),
  ) as Record<CiliumSection, CiliumRule[]>;
  const given = readDefaultDeny(fields.optional("enableDefaultDeny"));
  checkRemarks(fields);
  fields.refuseOthers();
  const hasRule = {
    ingress: sections.ingress.length + sections.ingressDeny.length > 0,
    egress: sections.egress.length + sections.egressDeny.length > 0,
  };
  // A direction without rules stays open, also where the field says true.
  const defaultDeny = { ingress: hasRule.ingress && given.ingress, egress: hasRule.egress && given.egress };
  return { prefix, ...subjects, ...sections, defaultDeny };
}

/** Those that the policy governs: pods, or nodes. */
function readSubjects(fields: Fields, kind: Kind): Pick<CiliumSpec, "endpoints" | "nodes"> {
  const endpoints = fields.optional("endpointSelector");
  const nodes = fields.optional("nodeSelector");
  const isClusterwide = kind === "CiliumClusterwideNetworkPolicy";
  if (nodes && !isClusterwide) nodes.fail("can only stand in a CiliumClusterwideNetworkPolicy");
  else if (nodes && endpoints) nodes.fail("cannot stand beside endpointSelector; use two items of specs");
  else if (!nodes && !endpoints) {
    const names = isClusterwide ? "endpointSelector or nodeSelector" : "endpointSelector";
    fields.owner.fail(`${names} is missing; write {} for all`);
  }
  return { endpoints: endpoints && readEndpointSelector(endpoints), nodes: nodes && readNodeSelector(nodes) };
}

function readSection(fields: Fields, section: CiliumSection, isHost: boolean, regexes: RegexChecks): CiliumRule[] {
  const direction = section.startsWith("ingress") ? "ingress" : "egress";
  const place = { direction, isDeny: section.endsWith("Deny"), isHost, regexes } as const;
  return (fields.optional(section)?.items() ?? []).map((item) => readRule(item, place));
}

function readDefaultDeny(reader: Reader | null): CiliumSpec["defaultDeny"] {
  const fields = reader?.fields();
  const ingress = fields?.optional("ingress")?.boolean() ?? true;
  const egress = fields?.optional("egress")?.boolean() ?? true;
  fields?.refuseOthers();
  return { ingress, egress };
}

/** What is there for people and for other programs. */
function checkRemarks(fields: Fields): void {
  fields.optional("description")?.string();
  const log = fields.optional("log")?.fields();
  log?.optional("value")?.string();
  log?.refuseOthers();
  for (const item of fields.optional("labels")?.items() ?? []) {
    const label = item.fields();
    label?.required("key")?.string();
    label?.optional("value")?.string();
    label?.optional("source")?.string();
    label?.refuseOthers();
  }
}
