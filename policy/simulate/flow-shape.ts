import { parseAddress } from "#policy/model/cidr.ts";
import { shorten } from "#policy/parse/text.ts";

/** What is read of a flow's record: Hubble's message, spelled as its JSON is. */
export interface FlowShape {
  readonly Type?: string;
  readonly verdict?: string;
  readonly is_reply?: boolean;
  readonly IP?: { readonly source?: string; readonly destination?: string };
  readonly l4?: {
    readonly TCP?: FlowShapePorts & { readonly flags?: { readonly SYN?: boolean; readonly ACK?: boolean } };
    readonly UDP?: FlowShapePorts;
    readonly SCTP?: FlowShapePorts;
    readonly ICMPv4?: { readonly type?: number };
    readonly ICMPv6?: { readonly type?: number };
    readonly VRRP?: object;
    readonly IGMP?: object;
  };
  readonly source?: FlowShapeEnd;
  readonly destination?: FlowShapeEnd;
  readonly source_names?: readonly string[];
  readonly destination_names?: readonly string[];
}

interface FlowShapePorts {
  readonly source_port?: number;
  readonly destination_port?: number;
}

export interface FlowShapeEnd {
  readonly namespace?: string;
  readonly pod_name?: string;
  readonly labels?: readonly string[];
  readonly identity?: number;
}

/** What is wrong with a value, and the names and places in lists that lead to it. */
export interface ShapeFault {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

type Check = (value: unknown, path: ShapeFault["path"], faults: ShapeFault[]) => void;

const text: Check = typed("string", "a string");
const flag: Check = typed("boolean", "true or false");
const address: Check = (value, path, faults) => {
  if (typeof value !== "string" || (value !== "" && !parseAddress(value))) {
    faults.push({ path, message: `is ${what(value)}, not an IP address` });
  }
};
const numbers = { source_port: integer(65_535), destination_port: integer(65_535) };
const ports = fields(numbers);
const icmp = fields({ type: integer(255) });
const end = fields({ namespace: text, pod_name: text, labels: list(text), identity: integer(0xffff_ffff) });

const flow = fields({
  Type: text,
  verdict: text,
  is_reply: flag,
  IP: fields({ source: address, destination: address }),
  l4: fields({
    TCP: fields({ ...numbers, flags: fields({ SYN: flag, ACK: flag }) }),
    UDP: ports,
    SCTP: ports,
    ICMPv4: icmp,
    ICMPv6: icmp,
    VRRP: fields({}),
    IGMP: fields({}),
  }),
  source: end,
  destination: end,
  source_names: list(text),
  destination_names: list(text),
});

/** The faults of a record, as far as it is read; none: it is a {@link FlowShape} once its nulls are left out. */
export function shapeFaults(value: unknown, path: ShapeFault["path"]): ShapeFault[] {
  const faults: ShapeFault[] = [];
  flow(value, path, faults);
  return faults;
}

/** Fields that are null count as missing. Others than these are not looked at. */
function fields(checks: Readonly<Record<string, Check>>): Check {
  return (value, path, faults) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      faults.push({ path, message: `is ${what(value)}, not a mapping` });
      return;
    }
    const given = new Map<string, unknown>(Object.entries(value));
    for (const [name, check] of Object.entries(checks)) {
      const field = given.get(name) ?? null;
      if (field !== null) check(field, [...path, name], faults);
    }
  };
}

function list(check: Check): Check {
  return (value, path, faults) => {
    if (Array.isArray(value)) for (const [i, item] of value.entries()) check(item, [...path, i], faults);
    else faults.push({ path, message: `is ${what(value)}, not a list` });
  };
}

function integer(most: number): Check {
  return (value, path, faults) => {
    if (typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= most) return;
    faults.push({ path, message: `is ${what(value)}, not a whole number from 0 to ${most}` });
  };
}

function typed(type: "string" | "boolean", name: string): Check {
  return (value, path, faults) => {
    if (typeof value !== type) faults.push({ path, message: `is ${what(value)}, not ${name}` });
  };
}

function what(value: unknown): string {
  if (value === null) return "empty";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a mapping";
  return typeof value === "string" ? `the string "${shorten(value)}"` : `the ${typeof value} ${JSON.stringify(value)}`;
}
