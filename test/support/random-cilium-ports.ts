import type { CiliumPort, CiliumPorts, CiliumRule } from "#policy/model/cilium-object.ts";
import type { HttpRule } from "#policy/model/l7.ts";
import { PORTLESS_PROTOCOLS, PROTOCOLS } from "#policy/model/protocol.ts";
import type { Random } from "./random.ts";
import { ICMP_TYPES, NAME_MATCHES, PORTS, PORT_NAMES } from "./random-vocabulary.ts";

type PortProtocol = CiliumPort["protocol"];

/** An item of `toPorts`, some with what only the proxy can see. */
export function randomPortItem(random: Random, mayRedirect: boolean): CiliumPorts {
  const kind = mayRedirect
    ? random.pick(["plain", "plain", "http", "http", "http", "dns", "dns", "tls"] as const)
    : "plain";
  const ports = (...protocols: PortProtocol[]): CiliumPort[] => random.list(1, 3, () => randomPort(random, protocols));
  switch (kind) {
    case "plain": {
      const portless = random.pick(PORTLESS_PROTOCOLS);
      return { ports: ports("ANY", ...PROTOCOLS, "TCP", portless), serverNames: [], l7: null };
    }
    case "http":
      return { ports: ports("TCP"), serverNames: [], l7: { family: "http", rules: [randomHttpRule(random)] } };
    case "dns":
      return { ports: ports("UDP"), serverNames: [], l7: { family: "dns", rules: [random.pick(NAME_MATCHES)] } };
    case "tls":
      return { ports: ports("TCP"), serverNames: ["example.com"], l7: null };
  }
}

function randomHttpRule(random: Random): HttpRule {
  const method = random.pick(["GET", "POST", null]);
  return { method, path: random.pick(["/", "/public/.*", null]), host: null, headers: [], headerMatches: [] };
}

function randomPort(random: Random, protocols: readonly PortProtocol[]): CiliumPort {
  const protocol = random.pick(protocols);
  if ((PORTLESS_PROTOCOLS as readonly string[]).includes(protocol)) return { protocol, port: null, endPort: null };
  const kind = random.pick(["name", "name", "all", "range", "single", "single"] as const);
  if (kind === "name") return { protocol, port: random.pick(PORT_NAMES), endPort: null };
  if (kind === "all") return { protocol, port: null, endPort: null };
  const port = random.pick(PORTS);
  return { protocol, port, endPort: kind === "range" ? port + random.pick([0, 1, 3, 100, 500]) : null };
}

/** Types of ICMP, most often of the family that flows are of. */
export function randomIcmps(random: Random, family: 4 | 6): CiliumRule["icmps"] {
  return random.list(1, 2, () => {
    const own = random.chance(0.85) ? family : family === 4 ? 6 : 4;
    return { protocol: own === 4 ? "ICMP" : "ICMPv6", type: random.pick(ICMP_TYPES[own]) } as const;
  });
}
