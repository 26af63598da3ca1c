import type { AgentEvent } from "#agent/runtime/agent-events.ts";
import { toTimestamp } from "./timestamp.ts";

/** An event of the agent as `flow.AgentEvent`. */
export function agentEventMessage(event: AgentEvent): object {
  return { type: event.type, ...notificationOf(event) };
}

function notificationOf(event: AgentEvent): object {
  switch (event.type) {
    case "AGENT_STARTED":
      return { agent_start: { time: toTimestamp(event.time) } };
    case "POLICY_UPDATED":
    case "POLICY_DELETED": {
      const { kind, namespace, name, revision } = event;
      const prefix = "k8s:io.cilium.k8s.policy";
      const labels = [`${prefix}.derived-from=${kind}`, `${prefix}.name=${name}`];
      if (namespace !== "") labels.push(`${prefix}.namespace=${namespace}`);
      return { policy_update: { labels, revision: revision.toString(), rule_count: 1 } };
    }
    case "ENDPOINT_REGENERATE_SUCCESS":
      return { endpoint_regenerate: { id: event.id, labels: event.labels } };
    case "ENDPOINT_CREATED":
    case "ENDPOINT_DELETED": {
      const { id, labels, namespace, pod } = event;
      return { endpoint_update: { id, labels, namespace, pod_name: pod } };
    }
    case "IPCACHE_UPSERTED":
      return { ipcache_update: { cidr: event.cidr, identity: event.identity } };
    case "IPCACHE_DELETED":
      return { ipcache_update: { cidr: event.cidr } };
  }
}
