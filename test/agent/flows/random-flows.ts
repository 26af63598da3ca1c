import { encodeAddress } from "#agent/datapath/address.ts";
import { AddressFamily, EventHook, type EventRecord, EventType, Verdict } from "#agent/datapath/layouts.gen.ts";
import type { FlowParty, PartyQuery } from "#agent/flows/context.ts";
import { dbRule, denyingEnd, event, FakeContext, noEnd, webEnd, webRule, world } from "./fixture.ts";
import type { RequestContent, RequestRecord } from "#agent/proxy/request-record.ts";
import { dns, http, kafka, tls } from "./request-fixture.ts";
import type { Random } from "#test/support/random.ts";

const pod = (
  endpoint: number,
  namespace: string,
  name: string,
  labels: readonly string[],
  more: Pick<FlowParty, "workload" | "service"> = {},
): FlowParty => ({
  ...more,
  endpoint,
  identity: 20_000 + (endpoint % 5),
  namespace,
  pod: name,
  labels: [...labels, `k8s:io.kubernetes.pod.namespace=${namespace}`],
});

/** Pods whose names, namespaces and labels begin and end alike. */
export const parties: readonly FlowParty[] = [
  pod(1, "default", "web-1", ["k8s:app=web", "k8s:tier=front"], {
    workload: { kind: "Deployment", name: "web" },
    service: { name: "web", namespace: "default" },
  }),
  pod(2, "default", "web-2", ["k8s:app=web", "k8s:tier=back", "k8s:weight=7"], {
    workload: { kind: "StatefulSet", name: "web" },
    service: { name: "web-back", namespace: "shop" },
  }),
  pod(3, "shop", "web-1", ["k8s:app=web", "k8s:canary"]),
  pod(4, "shop", "db-0", ["k8s:app=db", "k8s:weight=30"]),
  pod(5, "shop-2", "db-0", ["k8s:app=db", "container:app=web"]),
  pod(6, "shop-2", "cache", ["k8s:tier=front"]),
  { ...world, labels: ["reserved:world"] },
  { ...world, identity: 1, labels: ["reserved:host", "k8s:node=n1"] },
];

/** The world at some addresses. */
const named: FlowParty = { ...world, labels: ["reserved:world"], names: ["www.example.org", "a.b.example.org"] };

/** An agent that knows them by the number of the endpoint. */
export class ManyParties extends FakeContext {
  override party({ endpoint, identity, address }: PartyQuery): FlowParty {
    if (endpoint === 0 && identity === world.identity && /[05]$/.test(address)) return named;
    const found = parties.find((party) => (endpoint === 0 ? party.identity === identity : party.endpoint === endpoint));
    return found ?? (parties[6] as FlowParty);
  }
}

export const addresses4 = ["10.0.0.7", "10.0.0.8", "10.0.1.8", "10.1.0.1", "192.0.2.1", "192.0.2.200"];
export const addresses6 = ["fd00::7", "fd00::8", "fd00:1::8", "2001:db8::1", "2001:db8:0:1::1"];
export const httpUrls = [
  "http://db.shop/items?id=7",
  "http://db.shop/items/7",
  "http://web/",
  "/admin",
  "web.shop:443",
];
export const httpMethods = ["GET", "POST", "get", "BREW"];
export const httpCodes = [0, 200, 204, 403, 404, 500];
export const httpHeaders = [
  { key: "host", value: "db.shop" },
  { key: "Authorization", value: "*" },
  { key: "x-trace", value: "" },
];
export const dnsQueries = ["api.example.com.", "example.com.", "api-example.com.", "."];
export const ports = [53, 80, 443, 5432, 40_000];
const reasons = [130, 133, 151, 181, 230, 236];

/** Any packet, `time` nanoseconds after the agent's start. */
export function randomEvent(random: Random, time: bigint): EventRecord {
  const isIpv6 = random.chance(0.3);
  const address = () => ({ bytes: encodeAddress(random.pick(isIpv6 ? addresses6 : addresses4)).bytes });
  const isDrop = random.chance(0.3);
  const isTrace = !isDrop && random.chance(0.2);
  const isDenied = !isTrace && random.chance(0.2);
  const end = () => {
    const { endpoint, identity } = random.pick(parties);
    const redirecting = { ...webEnd, verdict: Verdict.REDIRECT };
    const verdict = random.pick([webEnd, webEnd, redirecting, isDenied ? denyingEnd : webEnd, noEnd]);
    return { ...verdict, endpoint, identity, rules: [random.pick([0, 5, 6, 7]), random.pick([0, 0, 5]), 0] as const };
  };
  return event({
    time,
    source: address(),
    destination: address(),
    sourcePort: random.pick(ports),
    destinationPort: random.pick(ports),
    type: isDrop ? EventType.DROP : isTrace ? EventType.TRACE : EventType.VERDICT,
    reason: isDrop ? random.pick(reasons) : isDenied ? 133 : 0,
    hook: random.pick([EventHook.POD_EGRESS, EventHook.POD_INGRESS, EventHook.NETDEV_EGRESS]),
    family: random.chance(0.05) ? AddressFamily.NONE : isIpv6 ? AddressFamily.IPV6 : AddressFamily.IPV4,
    protocol: random.pick([1, 6, 6, 6, 17, 47, 58, 132]),
    tcpFlags: random.integer(0, 255),
    icmpType: random.pick([0, 8, 128]),
    isReply: random.integer(0, 1),
    ifindex: random.pick([0, 33, 34]),
    end: [end(), end()],
  });
}

/** What the proxy tells of any request, `time` nanoseconds after the agent's start. */
export function randomRequest(random: Random, time: bigint): RequestRecord {
  const isIpv6 = random.chance(0.3);
  const address = (): string => random.pick(isIpv6 ? addresses6 : addresses4);
  const end = () => {
    const { endpoint, identity } = random.pick(parties);
    return { endpoint, identity };
  };
  const verdict = random.pick(["forwarded", "denied", "error"] as const);
  return {
    time: (new FakeContext().wallNanoseconds(0n) + time).toString(),
    tuple: {
      protocol: random.pick(["TCP", "UDP"]),
      sourceAddress: address(),
      sourcePort: random.pick(ports),
      destinationAddress: address(),
      destinationPort: random.pick(ports),
    },
    source: end(),
    destination: end(),
    verdict,
    rules: verdict === "denied" ? [] : random.list(0, 2, () => random.pick([webRule, dbRule])),
    deniedBy: verdict === "denied" ? random.pick(["source", "destination"] as const) : null,
    kind: random.pick(["request", "response"]),
    latency: random.pick([null, 3_000_000]),
    content: randomContent(random),
  };
}

function randomContent(random: Random): RequestContent {
  return random.pick<RequestContent>([
    {
      ...http,
      method: random.pick(httpMethods),
      url: random.pick(httpUrls),
      code: random.pick(httpCodes),
      headers: random.list(0, 2, () => random.pick(httpHeaders)),
    },
    { ...dns, query: random.pick(dnsQueries), rcode: random.pick([0, 3]) },
    tls,
    kafka,
  ]);
}
