import { type Command, InvalidArgumentError, Option } from "commander";
import type { FlowFilter } from "#agent/api/flow-filter.ts";
import { eventType } from "./event-types.ts";
import { listOf, numberBetween, oneOf, wordsOf } from "./values.ts";

type Field = keyof FlowFilter;

/** Values of one of a filter's fields, from the text of an option. */
type Parse = (text: string) => readonly unknown[];

/** An option that asks something of flows. */
interface Flag {
  readonly flags: string;
  readonly description: string;
  readonly field: Field;
  /** Missing: the option takes no value and stands for this one. */
  readonly parse?: Parse;
  readonly value?: unknown;
}

/** What is asked of the flows that are wanted. */
export interface Conditions {
  readonly whitelist: readonly FlowFilter[];
  readonly blacklist: readonly FlowFilter[];
}

/** The names of identities with fixed numbers. */
const reserved: ReadonlyMap<string, number> = new Map(
  ["unknown", "host", "world", "unmanaged", "health", "init", "remote-node", "kube-apiserver", "ingress"].map(
    (name, number) => [name, number],
  ),
);

const words: Parse = (text) => listOf((part) => part)(text, undefined);
/** Commas are a part of it. */
const whole: Parse = (text) => [text];
const ports: Parse = (text) => listOf(numberBetween(0, 65_535))(text, undefined).map(String);
const endpoints: Parse = (text) => listOf(numberBetween(0, 65_536))(text, undefined);
const identities: Parse = (text) => listOf(identity)(text, undefined);
const workloads: Parse = (text) =>
  words(text).map((part) => {
    const [kind, name] = String(part).split("/");
    return name === undefined ? { name: kind } : { kind, name };
  });
const header: Parse = (text) => {
  const colon = text.indexOf(":");
  return [colon === -1 ? { key: text } : { key: text.slice(0, colon), value: text.slice(colon + 1) }];
};
const device: Parse = (text) =>
  words(text).map((part) => (/^\d+$/.test(String(part)) ? { index: Number(part) } : { name: part }));

function identity(text: string): number {
  const number = reserved.get(text) ?? Number(text);
  if (text !== "" && Number.isInteger(number) && number >= 0 && number <= 0xffffffff) return number;
  throw new InvalidArgumentError(`It is neither a number nor one of ${[...reserved.keys()].join(", ")}.`);
}

const flagNames = ["FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"] as const;

/** All of them at once. */
const tcpFlags: Parse = (text) => [
  Object.fromEntries(listOf(oneOf(...flagNames))(text, undefined).map((name) => [name, true])),
];

const dropReasons: Parse = (text) =>
  words(text).map((part) => (/^\d+$/.test(String(part)) ? Number(part) : String(part).toUpperCase()));

type EndName =
  | "ip"
  | "pod"
  | "namespace"
  | "fqdn"
  | "label"
  | "service"
  | "port"
  | "identity"
  | "endpoint"
  | "workload";

/** Three options: of either end, of the one that sent the packet, and of the one that it is for. */
function ofEnds(
  name: EndName,
  value: string,
  what: string,
  rest: Omit<Flag, "flags" | "description" | "field">,
): Flag[] {
  return [
    { flags: `--${name} ${value}`, description: `${what}, at either end`, field: name, ...rest },
    { flags: `--from-${name} ${value}`, description: "of the sender", field: `source_${name}`, ...rest },
    { flags: `--to-${name} ${value}`, description: "of the receiver", field: `destination_${name}`, ...rest },
  ];
}

const flags: readonly Flag[] = [
  ...ofEnds("pod", "<[namespace/]prefix>", "how the pod's name begins; without a namespace in default", {
    parse: words,
  }),
  ...ofEnds("namespace", "<name>", "the pod's namespace", { parse: words }),
  ...ofEnds("ip", "<address|cidr>", "address", { parse: words }),
  ...ofEnds("port", "<number>", "port of TCP, UDP or SCTP", { parse: ports }),
  ...ofEnds("label", "<selector>", "labels, as kubectl -l has them: 'app=web,tier in (a,b)'", { parse: whole }),
  ...ofEnds("identity", "<id>", "identity, by number or reserved name", { parse: identities }),
  ...ofEnds("endpoint", "<id>", "number of the endpoint; 0: none of this node", { parse: endpoints }),
  ...ofEnds("fqdn", "<pattern>", "DNS name of an address outside, as pods were told: *.example.com", { parse: words }),
  ...ofEnds("service", "<[namespace/]prefix>", "service", { parse: words }),
  ...ofEnds("workload", "<[kind/]name>", "workload", { parse: workloads }),
  {
    flags: "--verdict <verdict>",
    description:
      "FORWARDED, DROPPED, REDIRECTED (to the proxy), AUDIT, or ERROR (a request that could not be understood or delivered)",
    field: "verdict",
    parse: listOfWords("FORWARDED", "DROPPED", "REDIRECTED", "AUDIT", "ERROR"),
  },
  {
    flags: "-t, --type <type[:sub-type]>",
    description:
      "drop (of packets, by policy, too), policy-verdict, trace, or l7 (requests); drop:policy_denied, trace:to-endpoint, or numbers",
    field: "event_type",
    parse: (text) => listOf(eventType)(text, undefined),
  },
  {
    flags: "--protocol <name>",
    description: "TCP, UDP, SCTP, ICMP (both), ICMPv4 or ICMPv6; of requests HTTP, DNS, TLS or KAFKA",
    field: "protocol",
    parse: listOfWords("TCP", "UDP", "SCTP", "ICMP", "ICMPv4", "ICMPv6", "HTTP", "DNS", "TLS", "KAFKA"),
  },
  {
    flags: "--traffic-direction <direction>",
    description: "ingress or egress: the end whose policy spoke",
    field: "traffic_direction",
    parse: listOfWords("INGRESS", "EGRESS"),
  },
  {
    flags: "--direction <direction>",
    description: "the same",
    field: "traffic_direction",
    parse: listOfWords("INGRESS", "EGRESS"),
  },
  {
    flags: "--drop-reason-desc <reason>",
    description: "POLICY_DENIED, or another of Hubble's names or numbers",
    field: "drop_reason_desc",
    parse: dropReasons,
  },
  {
    flags: "--policy <[[kind/]namespace/]name[:rule]>",
    description:
      "a rule of this policy decided, or this one: shop/web:egress[0]; a default deny is no rule's: --type drop",
    field: "policy",
    parse: words,
  },
  { flags: "--tcp-flags <flags>", description: "all of these: SYN,ACK", field: "tcp_flags", parse: tcpFlags },
  { flags: "--reply", description: "answers", field: "reply", value: true },
  { flags: "-4, --ipv4", description: "IPv4", field: "ip_version", value: "IPv4" },
  { flags: "-6, --ipv6", description: "IPv6", field: "ip_version", value: "IPv6" },
  { flags: "--node-name <pattern>", description: "the node; * stands for anything", field: "node_name", parse: words },
  { flags: "--uuid <uuid>", description: "the flow of this name", field: "uuid", parse: words },
  {
    flags: "--interface <number>",
    description: "of the device where the packet was seen",
    field: "interface",
    parse: device,
  },
  { flags: "--staged", description: "what something staged would judge otherwise", field: "staged", value: true },
  ...(
    [
      ["status", "code", "http_status_code", words, "of the answer: 404, 4xx, 40+"],
      ["method", "method", "http_method", words, "of the request"],
      ["path", "regex", "http_path", whole, "found in the path, without what is behind ?; the expression is RE2's"],
      ["url", "regex", "http_url", whole, "found in the URL: http://web.shop/items"],
      ["header", "key:value", "http_header", header, "as the flow has it; the key alone: whatever its value"],
    ] as const
  ).map(([name, value, field, parse, description]): Flag => {
    return { flags: `--http-${name} <${value}>`, description, field, parse };
  }),
  {
    flags: "--dns-query <regex>",
    description: "found in the name that is asked for in DNS, which ends with a dot",
    field: "dns_query",
    parse: whole,
  },
];

function listOfWords(...names: readonly string[]): Parse {
  return Object.assign((text: string) => listOf(oneOf(...names))(text, undefined), { words: names });
}

/** Collects the options of a command that ask something of flows, in their order: `--not` is about the next one. */
export class FlowConditions {
  readonly #command: Command;
  readonly #wanted = new Map<Field, unknown[]>();
  readonly #unwanted = new Map<Field, unknown[]>();
  readonly #raw: Record<"whitelist" | "blacklist", FlowFilter[]> = { whitelist: [], blacklist: [] };
  #isNegated = false;

  constructor(command: Command) {
    this.#command = command;
    const group = "Filters (all must match, of a filter's values one):";
    const not = new Option("--not", "the next filter must not match").helpGroup(group);
    command.addOption(not.argParser(() => this.#negate()));
    for (const flag of flags) this.#addFlag(flag, group);
    for (const [name, list] of [
      ["allowlist", "whitelist"],
      ["denylist", "blacklist"],
    ] as const) {
      const option = new Option(`--${name} <json>`, "a filter of Hubble's as JSON; of several, one must match");
      if (list === "blacklist") option.description = "a filter of Hubble's as JSON; none may match";
      command.addOption(option.helpGroup(group).argParser((text) => void this.#raw[list].push(parseJson(text))));
    }
  }

  /** What the command line has asked for. */
  get conditions(): Conditions {
    if (this.#isNegated) this.#command.error("error: option '--not' is followed by no filter", { exitCode: 2 });
    for (const fields of [this.#wanted, this.#unwanted]) this.#qualifyPods(fields);
    const wanted = this.#wanted.size === 0 ? [] : [Object.fromEntries(this.#wanted) as FlowFilter];
    // Of what is not wanted each is a reason of its own.
    const unwanted = [...this.#unwanted].map((entry) => Object.fromEntries([entry]) as FlowFilter);
    return {
      whitelist: [...wanted, ...this.#raw.whitelist],
      blacklist: [...unwanted, ...this.#raw.blacklist],
    };
  }

  #addFlag({ flags: names, description, field, parse, value }: Flag, group: string): void {
    const option = new Option(names, description).helpGroup(group);
    const take = (text: string | undefined): readonly unknown[] => {
      const values = parse && text !== undefined ? parse(text) : [value];
      const target = this.#isNegated ? this.#unwanted : this.#wanted;
      target.set(field, [...(target.get(field) ?? []), ...values]);
      this.#isNegated = false;
      return values;
    };
    // Completion knows by them what may follow.
    const words = wordsOf(parse);
    this.#command.addOption(option.argParser(words === undefined ? take : Object.assign(take, { words })));
  }

  #negate(): true {
    if (this.#isNegated) throw new InvalidArgumentError("It stands twice before one filter.");
    this.#isNegated = true;
    return true;
  }

  /** `--namespace shop --pod web`: a pod of that namespace. */
  #qualifyPods(fields: Map<Field, unknown[]>): void {
    for (const prefix of ["", "source_", "destination_"] as const) {
      const namespaces = this.#wanted.get(`${prefix}namespace`) ?? this.#wanted.get("namespace");
      const pods = fields.get(`${prefix}pod`) as string[] | undefined;
      if (!namespaces || !pods) continue;
      const named = pods.flatMap((pod) =>
        pod.includes("/") ? [pod] : namespaces.map((name) => `${String(name)}/${pod}`),
      );
      fields.set(`${prefix}pod`, named);
    }
  }
}

function parseJson(text: string): FlowFilter {
  try {
    return JSON.parse(text) as FlowFilter;
  } catch {
    throw new InvalidArgumentError("It is not JSON.");
  }
}
