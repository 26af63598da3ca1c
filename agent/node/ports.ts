import type { Ports } from "#agent/api/ports.ts";
import { attachmentService } from "./attachment-service.ts";
import { bpfPort } from "./bpf-views.ts";
import { endpointPort, identityPort } from "./endpoint-views.ts";
import type { Node } from "./node.ts";
import { evaluationPort, policyService } from "./policy-service.ts";
import { statusOf } from "./status.ts";

/** What the API shows and changes of a node. */
export function nodePorts(node: Node): Ports {
  const { parts, flows } = node;
  return {
    attachments: attachmentService(parts),
    endpoints: endpointPort(parts),
    identities: identityPort(parts),
    policies: policyService(parts, node.staged),
    evaluations: evaluationPort(parts),
    bpf: bpfPort(parts),
    status: { status: () => statusOf(node) },
    flows,
  };
}
