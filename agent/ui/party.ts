import type { FlowParty } from "#agent/flows/context.ts";
import { flowVerdict, type FlowRecord } from "#agent/flows/record.ts";
import type { MapParty, Outcome } from "./frame.ts";

/** Labels that name a workload, the most telling first. */
const naming = ["k8s:app.kubernetes.io/name=", "k8s:app=", "k8s:k8s-app=", "k8s:name="];
const namespaceLabel = "k8s:io.kubernetes.pod.namespace=";
const reserved = "reserved:";

/** Parties of flows are few objects that come again and again. */
const known = new WeakMap<FlowParty, MapParty>();

/** Who an end is on the map: a workload by namespace and name, or a word for what is no pod. */
export function mapParty(party: FlowParty): MapParty {
  let found = known.get(party);
  if (!found) known.set(party, (found = describe(party)));
  return found;
}

/** The ends of a flow's connection: who opened it, and to whom. */
export function endsOf({ event, source, destination }: FlowRecord): { from: MapParty; to: MapParty } {
  const ends = [mapParty(source), mapParty(destination)] as const;
  return event.isReply === 0 ? { from: ends[0], to: ends[1] } : { from: ends[1], to: ends[0] };
}

/** What the proxy could not understand or deliver has not passed. */
const outcomes = {
  FORWARDED: "allowed",
  REDIRECTED: "allowed",
  DROPPED: "denied",
  AUDIT: "audited",
  ERROR: "denied",
} as const;

export function outcomeOf(record: FlowRecord): Outcome {
  return outcomes[flowVerdict(record)];
}

function describe({ namespace, pod, labels }: FlowParty): MapParty {
  const valueOf = (prefix: string): string | undefined => {
    const label = labels.find((one) => one.startsWith(prefix));
    return label === undefined || label.length === prefix.length ? undefined : label.slice(prefix.length);
  };
  const word = valueOf(reserved);
  const home = namespace ?? valueOf(namespaceLabel);
  if (home === undefined) {
    const name = word ?? "unknown";
    return { id: name, namespace: null, name };
  }
  const name = naming.map(valueOf).find((value) => value !== undefined) ?? pod ?? "pods without a name";
  return { id: `${home}/${name}`, namespace: home, name };
}
