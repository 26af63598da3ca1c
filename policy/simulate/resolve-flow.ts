import type { Flow, Party } from "#policy/model/flow.ts";
import type { Labels, Subject } from "#policy/model/identity.ts";
import { type PodObject, subjectOf } from "#policy/model/object.ts";
import { familyOf } from "./party-candidates.ts";
import type { RecordedEnd, RecordedFlow } from "./recorded-flow.ts";
import type { World } from "./world.ts";

const NAMESPACE_LABEL = "io.kubernetes.pod.namespace";
const ACCOUNT_LABEL = "io.cilium.k8s.policy.serviceaccount";
/** Labels that the cluster adds to a pod's own. */
const ADDED = /^io\.(?:cilium\.k8s\.|kubernetes\.pod\.)/;

/** Finds out who in a world the ends of recorded flows are. */
export class FlowResolver {
  readonly #world: World;
  readonly #pods: ReadonlyMap<string, PodObject>;
  readonly #byAddress = new Map<string, PodObject>();
  /** Pods by namespace and labels: what is known of one holds for others like it. */
  readonly #byLabels = new Map<string, PodObject>();

  /** @param others Worlds that tell of pods that are not in the first. */
  constructor(world: World, others: readonly World[] = []) {
    this.#world = world;
    this.#pods = new Map([...others, world].flatMap(({ pods }) => [...pods]));
    for (const pod of this.#pods.values()) {
      for (const address of pod.addresses) this.#byAddress.set(address, pod);
      this.#byLabels.set(labelsKey(pod.namespace, pod.labels), pod);
    }
  }

  /** Null where nothing says who an end is. */
  resolve({ source, destination, protocol, port }: RecordedFlow): Flow | null {
    const ends = [this.#party(source, destination), this.#party(destination, source)] as const;
    return ends[0] && ends[1] && { source: ends[0], destination: ends[1], protocol, port };
  }

  /** By the pod's name, else by labels, else by address, else by what is reserved. */
  #party(end: RecordedEnd, other: RecordedEnd): Party | null {
    const { namespace, pod, address, reserved, names } = end;
    const named = namespace !== null && pod !== null ? this.#pods.get(`${namespace}/${pod}`) : undefined;
    if (named) return this.#pod(named, end, other);
    const subject = this.#subjectByLabels(end);
    if (subject) return { subject, ...(address !== null && { address }) };
    const known = address === null ? undefined : this.#byAddress.get(address);
    if (known && (reserved === null || reserved === "world")) return this.#pod(known, end, other);
    const listed = address === null ? undefined : this.#world.book.get(address);
    if (address === null && reserved === null) return null;
    const told = { ...listed, ...(address !== null && { address }), ...(names.length > 0 && { names }) };
    // Nodes have two roles, of which the record knows the right one.
    return reserved === null || reserved === "world" ? { reserved: "world", ...told } : { ...told, reserved };
  }

  #pod(pod: PodObject, end: RecordedEnd, other: RecordedEnd): Party {
    const isOfFamily = (address: string): boolean =>
      other.address === null || familyOf(address) === familyOf(other.address);
    const address = end.address ?? pod.addresses.find(isOfFamily);
    const at = address !== undefined && { address };
    if (!pod.hostNetwork) return { subject: subjectOf(pod), ...at };
    return { ...(address !== undefined && this.#world.book.get(address)), ...at, reserved: "host" };
  }

  /** A pod that is gone, or that no object tells of. */
  #subjectByLabels({ namespace, labels }: RecordedEnd): Subject | null {
    const pairs = labels.flatMap((label) => {
      const [, source, key = "", value = ""] = /^(?:([a-z0-9]+):)?([^=]+)=?(.*)$/s.exec(label) ?? [];
      return source === undefined || source === "k8s" ? [[key, value] as const] : [];
    });
    const all = new Map(pairs);
    const place = namespace ?? all.get(NAMESPACE_LABEL);
    if (place === undefined || pairs.length === 0) return null;
    const own: Labels = Object.fromEntries(pairs.filter(([key]) => !ADDED.test(key)));
    const like = this.#byLabels.get(labelsKey(place, own));
    return {
      namespace: place,
      labels: own,
      serviceAccount: all.get(ACCOUNT_LABEL) ?? like?.serviceAccount ?? "default",
      namedPorts: like?.namedPorts ?? [],
    };
  }
}

function labelsKey(namespace: string, labels: Labels): string {
  return JSON.stringify([namespace, Object.entries(labels).sort()]);
}
