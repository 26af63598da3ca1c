import type { Ports } from "#agent/api/ports.ts";
import { Scraper } from "#agent/metrics/scraper.ts";
import type { PageAccess } from "#agent/ui/access.ts";
import { PolicyVerifier } from "#agent/verify/policy-verifier.ts";
import { cniPort } from "./cni-port.ts";
import { addressPort } from "./address-service.ts";
import { bpfPort } from "./bpf-views.ts";
import { configPort } from "./config-service.ts";
import { endpointPort, identityPort } from "./endpoint-views.ts";
import { metricSources } from "./metric-sources.ts";
import { namePort } from "./names-port.ts";
import type { Node } from "./node.ts";
import { prefilterPort } from "./prefilter-service.ts";
import { pagePort } from "./page.ts";
import { evaluationPort, policyService } from "./policy-service.ts";
import { statusOf } from "./status.ts";
import { tracePort } from "./trace-service.ts";
import { whatIfPort } from "./what-if.ts";

/** What the API shows and changes of a node. @param access who may see the page. */
export function nodePorts(node: Node, access: PageAccess): Ports {
  const { parts, flows, captures } = node;
  return {
    cni: cniPort(parts),
    endpoints: endpointPort(parts),
    identities: identityPort(parts),
    policies: policyService(parts, node.staged),
    evaluations: evaluationPort(parts),
    verifications: new PolicyVerifier({ ...parts, images: parts.kernel.images }),
    traces: tracePort(parts),
    bpf: bpfPort(parts),
    addresses: addressPort(parts),
    names: namePort(parts),
    config: configPort(parts),
    prefilter: prefilterPort(parts),
    status: { status: () => statusOf(node) },
    metrics: new Scraper(metricSources(node), parts.observations),
    flows,
    events: { read: (query, signal) => flows.events(query, signal) },
    captures,
    whatIf: whatIfPort(parts),
    page: pagePort(parts.config.uiAddress, access),
  };
}
