import { formatNamedPorts, type Subject } from "#policy/model/identity.ts";
import type { Peer } from "./peers.ts";
import type { Spoken } from "./spoken.ts";

/** Names peers so that equal names mean: no object that matters tells them apart. */
export class OracleKeys {
  readonly #spoken: Spoken;
  readonly #ofSubject = new Map<Subject, string>();

  constructor(spoken: Spoken) {
    this.#spoken = spoken;
  }

  of({ party: { subject, reserved, nodeLabels, address }, within, named }: Peer): string {
    const near = within.filter((prefix) => this.#spoken.prefixes.has(prefix)).join();
    if (subject) return `${this.#subjectKey(subject)} ${near}`;
    // The two families of the world have names of their own.
    const family = address === undefined ? "" : address.includes(":") ? "6" : "4";
    return `${reserved ?? "world"} ${family} ${nodeLabels ? JSON.stringify(nodeLabels) : ""} ${near} ${named.join()}`;
  }

  #subjectKey(subject: Subject): string {
    const known = this.#ofSubject.get(subject);
    if (known !== undefined) return known;
    const { labels } = this.#spoken;
    const parts = [subject.namespace, formatNamedPorts(subject.namedPorts)];
    if (labels.has("io.cilium.k8s.policy.serviceaccount")) parts.push(subject.serviceAccount);
    for (const [key, values] of labels) {
      if (!Object.hasOwn(subject.labels, key)) continue;
      const value = subject.labels[key] as string;
      parts.push(`${key}=${values.has(value) ? value : "?"}`);
    }
    const text = parts.join("\0");
    this.#ofSubject.set(subject, text);
    return text;
  }
}
