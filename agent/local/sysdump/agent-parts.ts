import type { ApiClient, BpfListings } from "#agent/api/client.ts";
import type { FlowLine } from "#agent/api/flow.ts";
import { json, type Part } from "./part.ts";

const listings = Object.keys({
  policy: true,
  conntrack: true,
  nat: true,
  ipcache: true,
  counters: true,
  links: true,
  endpoints: true,
  bandwidth: true,
} satisfies Record<keyof BpfListings, true>) as (keyof BpfListings)[];

/** The latest flows that are asked for. */
const flows = 5000;

/** Endpoints whose events are told. */
const endpointLogs = 250;

/** What an agent answers. @param client one whose requests end with the signal. */
export function agentParts(client: (signal: AbortSignal) => ApiClient): Part[] {
  const ask = (name: string, answer: (client: ApiClient) => Promise<unknown>): Part => ({
    name: `agent/${name}`,
    read: async (signal) => json(await answer(client(signal))),
  });
  return [
    ask("status.json", (agent) => agent.status()),
    ask("config.json", (agent) => agent.config()),
    ask("endpoints.json", (agent) => agent.endpoints()),
    ask("endpoint-logs.json", async (agent) => {
      const logs: object[] = [];
      // One after the other: the agent has others to serve.
      for (const { id } of (await agent.endpoints()).slice(0, endpointLogs)) {
        logs.push({ id, log: await agent.endpointLog(id) });
      }
      return logs;
    }),
    ask("identities.json", (agent) => agent.identities()),
    ask("policies.json", (agent) => agent.policies()),
    ask("policies-in-force.json", async (agent) => {
      const { objects, ...options } = await agent.policiesInForce();
      return [options, ...objects];
    }),
    ask("policies-staged.json", (agent) => agent.stagedPolicies()),
    ask("prefilter.json", (agent) => agent.prefilter()),
    ask("metrics.json", (agent) => agent.metrics()),
    ...listings.map((name) => ask(`bpf/${name}.json`, (agent) => agent.bpf(name))),
    {
      name: "agent/flows.json",
      read: async (signal) => {
        const lines: FlowLine[] = [];
        for await (const line of client(signal).flows({ last: flows, lost: true }, signal)) lines.push(line);
        return json(lines);
      },
    },
  ];
}
