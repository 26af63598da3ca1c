import { type FailsafePorts, failsafeText, type HostFailsafe } from "#policy/model/failsafe.ts";
import { contentHash } from "#policy/model/hash.ts";
import { type Direction, FAILSAFE_PRECEDENCE, type Policy, type Rule } from "#policy/model/rule.ts";

/** What it is called in place of an object. */
const name = { kind: "Failsafe", namespace: "", name: "host" } as const;

/** The failsafe as a policy about nodes, with a rule for each of its items; it isolates nobody. */
export function failsafePolicy({ inbound, outbound }: HostFailsafe): Policy {
  return {
    description: { ...name, file: "the agent's options", line: null },
    subjects: { kind: "nodes", labels: [] },
    isolates: { ingress: false, egress: false },
    isStaged: false,
    requires: { ingress: [], egress: [] },
    rules: [
      ...inbound.map((ports) => rule("ingress", "inbound", ports)),
      ...outbound.map((ports) => rule("egress", "outbound", ports)),
    ],
  };
}

function rule(direction: Direction, side: "inbound" | "outbound", { protocol, first, last }: FailsafePorts): Rule {
  const place = `${side} ${failsafeText({ protocol, first, last })}`;
  return {
    key: `Failsafe//host@${contentHash(place)}#${place}`,
    description: { ...name, rule: place, file: `--host-failsafe-${side}`, line: null },
    direction,
    action: "allow",
    precedence: FAILSAFE_PRECEDENCE,
    peers: null,
    ports: [{ protocol, kind: "range", first, last }],
    isNarrowed: false,
    l7: null,
    serverNames: [],
    controls: {},
  };
}
