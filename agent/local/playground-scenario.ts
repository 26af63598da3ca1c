import type { Transport } from "./traffic-protocol.ts";

/** The namespace of the playground's pods. */
export const playgroundNamespace = "shop";

export type PlaygroundPod = "client" | "server" | "intruder";

/** One flow of the playground and what must become of it. */
export interface PlaygroundFlow {
  readonly from: PlaygroundPod;
  readonly to: PlaygroundPod;
  readonly family: 4 | 6;
  readonly protocol: Transport;
  readonly port: number;
  readonly expected: ExpectedVerdict;
}

/** Policies by their names in {@link playgroundNamespace}. */
export type ExpectedVerdict =
  /** The policies whose rules let it through; none where no policy selects either end. */
  | { readonly verdict: "allow"; readonly by: readonly string[] }
  /** Denied since no rule allows it; the policy whose rule comes closest. */
  | { readonly verdict: "deny"; readonly nearest: string };

/** A request of the playground, on {@link webPort}, and what must become of it. */
export interface PlaygroundRequest {
  readonly from: PlaygroundPod;
  readonly to: PlaygroundPod;
  readonly family: 4 | 6;
  readonly method: string;
  readonly path: string;
  readonly expected: ExpectedVerdict;
}

/** Where every pod answers requests of HTTP. */
export const webPort = 8000;

/** The servers that every pod runs: so that only policy can be what keeps a flow out. */
export const playgroundServers: readonly (readonly [Transport, number])[] = [
  ["TCP", 8080],
  ["TCP", 9090],
  ["UDP", 5353],
];

const allow = (...by: string[]): ExpectedVerdict => ({ verdict: "allow", by });
const deny = (nearest: string): ExpectedVerdict => ({ verdict: "deny", nearest });

/** What `test/fixtures/playground/` says about real traffic. */
export const playgroundFlows: readonly PlaygroundFlow[] = [
  { from: "client", to: "server", family: 4, protocol: "TCP", port: 8080, expected: allow("client", "server") },
  { from: "client", to: "server", family: 6, protocol: "TCP", port: 8080, expected: allow("client", "server") },
  { from: "client", to: "server", family: 4, protocol: "UDP", port: 5353, expected: allow("client", "server") },
  // The client may send it, the server does not take it.
  { from: "client", to: "server", family: 4, protocol: "TCP", port: 9090, expected: deny("server") },
  { from: "intruder", to: "server", family: 4, protocol: "TCP", port: 8080, expected: deny("server") },
  { from: "intruder", to: "server", family: 6, protocol: "TCP", port: 8080, expected: deny("server") },
  { from: "intruder", to: "server", family: 4, protocol: "UDP", port: 5353, expected: deny("server") },
  // Nothing guards the intruder: it is the client that may not send.
  { from: "client", to: "intruder", family: 4, protocol: "TCP", port: 8080, expected: deny("client") },
  { from: "server", to: "intruder", family: 4, protocol: "TCP", port: 8080, expected: allow() },
];

/** What `test/fixtures/playground/web.yaml` says about requests. */
export const playgroundRequests: readonly PlaygroundRequest[] = [
  { from: "client", to: "server", family: 4, method: "GET", path: "/public/prices", expected: allow("web") },
  { from: "client", to: "server", family: 6, method: "GET", path: "/public/prices", expected: allow("web") },
  { from: "client", to: "server", family: 4, method: "POST", path: "/public/prices", expected: deny("web") },
  { from: "client", to: "server", family: 4, method: "GET", path: "/admin", expected: deny("web") },
];
