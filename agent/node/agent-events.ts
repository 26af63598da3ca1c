import type { IpcacheTable } from "#agent/datapath/kernel.ts";
import type { EndpointChange } from "#agent/endpoint/manager-options.ts";
import type { PolicyChanges } from "#agent/endpoint/policy-controller.ts";
import { identityLabels, labelList } from "#agent/identity/labels.ts";
import type { AgentEventBody, AgentEvents } from "#agent/runtime/agent-events.ts";
import { isPolicyKind, type PolicyObject } from "#policy/model/object.ts";

const types = {
  ready: "ENDPOINT_CREATED",
  restored: "ENDPOINT_CREATED",
  relabelled: "ENDPOINT_REGENERATE_SUCCESS",
  limited: "ENDPOINT_REGENERATE_SUCCESS",
  deleted: "ENDPOINT_DELETED",
} as const satisfies Readonly<Record<string, AgentEventBody["type"]>>;

/** Tells of what happens to an endpoint, where others than itself care. */
export function tellEndpoint(events: AgentEvents, { event, record, subject }: EndpointChange): void {
  if (!(event in types)) return;
  const { id, namespace, pod } = record;
  const labels = labelList(identityLabels(subject));
  events.add({ type: types[event as keyof typeof types], id, labels, namespace, pod });
}

/** Tells of policies that came, changed and went. */
export function tellPolicies(events: AgentEvents, { updated, deleted, revision }: PolicyChanges): void {
  const of = (type: "POLICY_UPDATED" | "POLICY_DELETED", objects: readonly PolicyObject[]): AgentEventBody[] =>
    objects.filter(isPolicyKind).map(({ kind, namespace, name }) => ({ type, kind, namespace, name, revision }));
  events.addAll([...of("POLICY_DELETED", deleted), ...of("POLICY_UPDATED", updated)]);
}

/** The same table, which tells of what is written. */
export function toldIpcache(table: IpcacheTable, events: AgentEvents): IpcacheTable {
  return {
    capacity: table.capacity,
    read: () => table.read(),
    write: (entries) => {
      table.write(entries);
      events.addAll(
        entries.map(({ prefix: cidr, identity }) => ({ type: "IPCACHE_UPSERTED", cidr, identity }) as const),
      );
    },
    remove: (prefixes) => {
      table.remove(prefixes);
      events.addAll(prefixes.map((cidr) => ({ type: "IPCACHE_DELETED", cidr }) as const));
    },
  };
}
