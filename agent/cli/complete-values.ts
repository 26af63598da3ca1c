import type { ApiClient } from "#agent/api/client.ts";

/** What a word may become, and a few words about it. */
export interface Candidate {
  readonly value: string;
  readonly about: string;
}

type Values = (client: ApiClient) => Promise<Candidate[]>;

const endpoints: Values = async (client) =>
  (await client.endpoints()).map(({ id, namespace, pod }) => ({ value: String(id), about: `${namespace}/${pod}` }));

const pods: Values = async (client) =>
  (await client.endpoints()).map(({ namespace, pod, ipv4, ipv6 }) => ({
    value: `${namespace}/${pod}`,
    about: ipv4 ?? ipv6 ?? "",
  }));

const namespaces: Values = async (client) => {
  const names = new Set((await client.endpoints()).map(({ namespace }) => namespace));
  return [...names].map((value) => ({ value, about: "" }));
};

const identities: Values = async (client) =>
  (await client.identities()).map(({ id, labels }) => ({
    value: String(id),
    about: Object.entries(labels)
      .map(([key, value]) => (value === "" ? key : `${key}=${value}`))
      .join(","),
  }));

const policies: Values = async (client) =>
  (await client.policies()).map(({ kind, namespace, name, file }) => ({
    value: `${kind}/${namespace}/${name}`,
    about: file,
  }));

const applied: Values = async (client) => {
  const all = await client.policies();
  return all
    .filter(({ origin }) => origin === "applied")
    .map(({ kind, namespace, name, file }) => ({ value: `${kind}/${namespace}/${name}`, about: file }));
};

const options: Values = async (client) =>
  (await client.config()).map(({ name, value }) => ({ value: name, about: value ?? "" }));

const liveOptions: Values = async (client) => {
  const all = await client.config();
  return all.filter(({ live }) => live).map(({ name, value }) => ({ value: name, about: value ?? "" }));
};

const maps: Values = async (client) =>
  (await client.status()).maps.map(({ name, entries, capacity }) => ({
    value: name,
    about: `${entries} of ${capacity}`,
  }));

const prefilter: Values = async (client) => (await client.prefilter()).prefixes.map((value) => ({ value, about: "" }));

const testGroups: Values = async () => {
  const { groups } = await import("#agent/local/connectivity/run.ts");
  return groups.map(({ name, scenarios }) => ({ value: name, about: `${scenarios.length} scenarios` }));
};

/** By a command and its argument, or by an option of whatever command. */
const sources: Readonly<Record<string, Values>> = {
  "endpoint get id": endpoints,
  "endpoint labels id": endpoints,
  "endpoint log id": endpoints,
  "endpoint regenerate id": endpoints,
  "identity get id|labels": identities,
  "policy get name": policies,
  "policy delete name": applied,
  "policy verify endpoint": endpoints,
  "config get name": options,
  "config set name": liveOptions,
  "config unset name": liveOptions,
  "bpf map dump name": maps,
  "bpf map get name": maps,
  "bpf map watch name": maps,
  "bpf map diff name": maps,
  "prefilter delete cidr": prefilter,
  "--group": testGroups,
  "--from": pods,
  "--to": pods,
  "--pod": pods,
  "monitor --from": endpoints,
  "monitor --to": endpoints,
  "--related-to": endpoints,
  "--from-pod": pods,
  "--to-pod": pods,
  "--namespace": namespaces,
  "--from-namespace": namespaces,
  "--to-namespace": namespaces,
  "--identity": identities,
  "--from-identity": identities,
  "--to-identity": identities,
  "--endpoint": endpoints,
  "--from-endpoint": endpoints,
  "--to-endpoint": endpoints,
};

/** Who knows the values of a command's argument, or of an option; undefined: not the agent. */
export function valuesOf(path: string, name: string): Values | undefined {
  return sources[`${path} ${name}`] ?? sources[name];
}

/** For tests: what has values of the agent's. */
export const completedNames: readonly string[] = Object.keys(sources);
