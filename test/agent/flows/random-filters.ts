import { BlockList, isIPv6 } from "node:net";
import { Random } from "#test/support/random.ts";
import { addresses4, addresses6, ports } from "./random-flows.ts";

/** A flow as a reader has it: as JSON, or as gRPC's message. */
export interface Message {
  readonly [field: string]: unknown;
}

/** A filter's field, and what it means, said of the flow as a reader has it. */
export interface RandomField {
  readonly field: string;
  readonly values: readonly unknown[];
  readonly matches: (flow: Message) => boolean;
}

type Make = (random: Random) => Omit<RandomField, "field">;

const at = (flow: unknown, ...path: readonly string[]): unknown =>
  path.reduce<unknown>((value, name) => (value as Message | undefined)?.[name], flow);

/** Fields that ask for one of some values. */
function oneOf(values: readonly unknown[], valueOf: (flow: Message) => unknown): Make {
  return (random) => {
    const wanted = random.list(1, 3, () => random.pick(values));
    return { values: wanted, matches: (flow) => wanted.includes(valueOf(flow)) };
  };
}

function nothing(...values: readonly unknown[]): Make {
  return () => ({ values, matches: () => false });
}

function ip(end: "source" | "destination"): Make {
  return (random) => {
    const wanted = random.list(1, 3, () => {
      const address = random.pick([...addresses4, ...addresses6]);
      const widths = isIPv6(address) ? ["", "/128", "/64", "/32", "/0"] : ["", "/32", "/24", "/8", "/0"];
      return `${address}${random.pick(widths)}`;
    });
    // One for each family: Node takes IPv4 addresses for IPv6 ones.
    const lists = { ipv4: new BlockList(), ipv6: new BlockList() };
    for (const text of wanted) {
      const [address = "", bits] = text.split("/");
      const family = isIPv6(address) ? "ipv6" : "ipv4";
      if (bits === undefined) lists[family].addAddress(address, family);
      else lists[family].addSubnet(address, Number(bits), family);
    }
    const matches = (flow: Message): boolean => {
      const address = at(flow, "IP", end);
      if (typeof address !== "string") return false;
      const family = isIPv6(address) ? "ipv6" : "ipv4";
      return lists[family].check(address, family);
    };
    return { values: wanted, matches };
  };
}

const names = ["web", "web-1", "default/w", "shop/", "shop/web", "/db", "/web-2", "shop-2/cache", "shop/x", "d"];

function pod(end: string): Make {
  return (random) => {
    const wanted = random.list(1, 3, () => random.pick(names));
    const matches = (flow: Message): boolean =>
      wanted.some((text) => {
        const [namespace, name] = text.includes("/") ? text.split("/") : ["default", text];
        const found = `${at(flow, end, "namespace") as string}/${at(flow, end, "pod_name") as string}`;
        if (at(flow, end, "pod_name") === undefined) return false;
        return namespace === ""
          ? found.split("/")[1]?.startsWith(name ?? "")
          : found.startsWith(`${namespace}/${name}`);
      });
    return { values: wanted, matches };
  };
}

interface Term {
  readonly text: string;
  readonly holds: (labels: readonly string[]) => boolean;
}

/** One condition of a label selector. */
function term(random: Random): Term {
  const key = random.pick([
    "app",
    "tier",
    "weight",
    "canary",
    "k8s:app",
    "container:app",
    "any:tier",
    "reserved:world",
  ]);
  const values = random.list(1, 2, () => random.pick(["web", "db", "front", "7", ""]));
  const [only = ""] = values;
  const valuesOf = (labels: readonly string[]): string[] =>
    labels.flatMap((label) => {
      const [name = "", value = ""] = label.split("=");
      const isMeant =
        key.includes(":") && !key.startsWith("any:") ? name === key : name.split(":")[1] === key.replace("any:", "");
      return isMeant ? [value] : [];
    });
  const has = (labels: readonly string[], wanted: readonly string[]): boolean =>
    valuesOf(labels).some((value) => wanted.includes(value));
  return random.pick<Term>([
    { text: key, holds: (labels) => valuesOf(labels).length > 0 },
    { text: `!${key}`, holds: (labels) => valuesOf(labels).length === 0 },
    { text: `${key}=${only}`, holds: (labels) => has(labels, [only]) },
    { text: `${key} == ${only}`, holds: (labels) => has(labels, [only]) },
    { text: `${key}!=${only}`, holds: (labels) => !has(labels, [only]) },
    { text: `${key} in (${values.join(", ")})`, holds: (labels) => has(labels, values) },
    { text: `${key} notin (${values.join(",")})`, holds: (labels) => !has(labels, values) },
    {
      text: `${key} > 7`,
      holds: (labels) => valuesOf(labels).some((value) => /^\d+$/.test(value) && Number(value) > 7),
    },
    {
      text: `${key}<30`,
      holds: (labels) => valuesOf(labels).some((value) => /^\d+$/.test(value) && Number(value) < 30),
    },
  ]);
}

function label(end: string): Make {
  return (random) => {
    const selectors = random.list(1, 2, () => random.list(random.chance(0.1) ? 0 : 1, 3, () => term(random)));
    const matches = (flow: Message): boolean =>
      selectors.some((terms) => terms.every(({ holds }) => holds((at(flow, end, "labels") ?? []) as string[])));
    return { values: selectors.map((terms) => terms.map(({ text }) => text).join(", ")), matches };
  };
}

function port(name: string): Make {
  return (random) => {
    const wanted = random.list(1, 2, () => random.pick(ports));
    const layers = (flow: Message): unknown[] => ["TCP", "UDP", "SCTP"].map((kind) => at(flow, "l4", kind, name));
    return {
      values: wanted.map(String),
      matches: (flow) => layers(flow).some((found) => wanted.includes(found as number)),
    };
  };
}

const protocols: Readonly<Record<string, readonly string[]>> = {
  tcp: ["TCP"],
  UDP: ["UDP"],
  sctp: ["SCTP"],
  icmp: ["ICMPv4", "ICMPv6"],
  ICMPv4: ["ICMPv4"],
  icmpv6: ["ICMPv6"],
};
/** Of requests, by the field that such a flow has. */
const requestFields: Readonly<Record<string, readonly string[]>> = {
  http: ["l7", "http"],
  DNS: ["l7", "dns"],
  kafka: ["l7", "kafka"],
};

const protocol: Make = (random) => {
  const wanted = random.list(1, 2, () => random.pick([...Object.keys(protocols), ...Object.keys(requestFields)]));
  const paths = wanted.flatMap((name) => [
    ...(protocols[name] ?? []).map((kind) => ["l4", kind]),
    ...(name in requestFields ? [requestFields[name] ?? []] : []),
  ]);
  return { values: wanted, matches: (flow) => paths.some((path) => at(flow, ...path) !== undefined) };
};

const flags: Make = (random) => {
  const names = ["FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR", "NS"];
  const wanted = random.list(1, 2, () => random.list(0, 3, () => random.pick(names)));
  const matches = (flow: Message): boolean => {
    const set = at(flow, "l4", "TCP", "flags");
    return set !== undefined && wanted.some((some) => some.every((name) => at(set, name) === true));
  };
  return { values: wanted.map((some) => Object.fromEntries(some.map((name) => [name, true]))), matches };
};

const eventType: Make = (random) => {
  const wanted = random.list(1, 2, () => ({
    type: random.pick([0, 1, 4, 5, 129]),
    match_sub_type: random.chance(0.5),
    sub_type: random.pick([0, 5, 11, 130, 133, 230]),
  }));
  const matches = (flow: Message): boolean => {
    const reason = (flow["drop_reason"] ?? 0) as number;
    const isVerdict = at(flow, "event_type", "type") === 5;
    const isTrace = at(flow, "event_type", "type") === 4;
    const isRequest = at(flow, "event_type", "type") === 129;
    const point = at(flow, "event_type", "sub_type");
    return wanted.some(({ type, match_sub_type: isExact, sub_type: subType }) => {
      if (isVerdict && [0, 5].includes(type) && (!isExact || subType === 0)) return true;
      if (isRequest) return [0, 129].includes(type) && (!isExact || subType === 0);
      if (reason > 0 && [0, 1].includes(type) && (!isExact || subType === reason)) return true;
      if (isTrace && [0, 4].includes(type) && (!isExact || subType === point)) return true;
      return isVerdict && reason === 0 && [0, 4].includes(type) && !isExact;
    });
  };
  return { values: wanted, matches };
};

const device: Make = (random) => {
  const wanted = random.list(1, 2, () =>
    random.pick([{ index: 33 }, { index: 34 }, {}, { name: "eth0" }, { name: "weir33" }, { index: 35 }]),
  );
  const index = (flow: Message): unknown => at(flow, "interface", "index");
  const matches = (flow: Message): boolean =>
    index(flow) !== undefined &&
    wanted.some(
      (wish) =>
        (!("name" in wish) || wish.name === at(flow, "interface", "name")) &&
        (!("index" in wish) || wish.index === index(flow)),
    );
  return { values: wanted, matches };
};

const nodes: Readonly<Record<string, boolean>> = {
  n1: true,
  "n*": true,
  "*1": true,
  "default/": true,
  "default/n1": true,
  "def*/*": true,
  N1: true,
  n2: false,
  n: false,
  "other/": false,
  "*2*": false,
};

const node: Make = (random) => {
  const wanted = random.list(1, 2, () => random.pick(Object.keys(nodes)));
  return { values: wanted, matches: () => wanted.some((text) => nodes[text]) };
};

/** The same of either end. */
function either(make: (end: "source" | "destination") => Make): Make {
  return (random) => {
    const seed = random.integer(0, 2 ** 31);
    const [source, destination] = (["source", "destination"] as const).map((end) => make(end)(new Random(seed)));
    return {
      values: source?.values ?? [],
      matches: (flow) => source?.matches(flow) === true || destination?.matches(flow) === true,
    };
  };
}

const namespace = (end: string): Make =>
  oneOf(["default", "shop", "shop-2", "sho"], (flow) => at(flow, end, "namespace"));
const endpoint = (end: string): Make => oneOf([1, 3, 4, 99], (flow) => at(flow, end, "ID"));
const identity = (end: string): Make => oneOf([1, 2, 20_001, 20_002, 9], (flow) => at(flow, end, "identity"));

/** `[NAMESPACE/]PREFIX`, in `default` unless it says another. */
function service(end: string): Make {
  return (random) => {
    const wanted = random.list(1, 2, () => random.pick(["web", "we", "shop/web", "shop/web-back", "/web-", "other"]));
    const matches = (flow: Message): boolean => {
      const found = at(flow, `${end}_service`) as { name: string; namespace: string } | undefined;
      return wanted.some((text) => {
        const [namespace = "", prefix = ""] = text.includes("/") ? text.split("/") : ["default", text];
        return (
          found !== undefined && (namespace === "" || namespace === found.namespace) && found.name.startsWith(prefix)
        );
      });
    };
    return { values: wanted, matches };
  };
}

/** Stars are any characters, dots too. */
function fqdn(end: string): Make {
  return (random) => {
    const wanted = random.list(1, 2, () =>
      random.pick(["*.example.org", "www.example.org.", "WWW.*", "*", "other.org"]),
    );
    const expressions = wanted.map((text) => {
      const pattern = text.toLowerCase().replace(/\.$/, "").replaceAll(".", "\\.").replaceAll("*", ".*");
      return new RegExp(`^${pattern}$`);
    });
    const matches = (flow: Message): boolean => {
      const names = (at(flow, `${end}_names`) ?? []) as string[];
      return names.some((name) => expressions.some((one) => one.test(name)));
    };
    return { values: wanted, matches };
  };
}

function workload(end: string): Make {
  return (random) => {
    const wanted = random.list(1, 2, () =>
      random.pick([{ name: "web" }, { kind: "Deployment" }, { kind: "StatefulSet", name: "web" }, { name: "db" }, {}]),
    ) as { kind?: string; name?: string }[];
    const matches = (flow: Message): boolean => {
      const [found] = (at(flow, end, "workloads") ?? []) as { name: string; kind: string }[];
      return wanted.some(
        ({ name, kind }) =>
          found !== undefined && (name ?? found.name) === found.name && (kind ?? found.kind) === found.kind,
      );
    };
    return { values: wanted, matches };
  };
}

const status: Make = (random) => {
  const wanted = random.list(1, 2, () => random.pick(["200", "404", "403", "4+", "20+", "5xx", "4XX", "301"]));
  const matches = (flow: Message): boolean => {
    const code = (at(flow, "l7", "http", "code") ?? 0) as number;
    const text = String(code);
    return (
      code !== 0 &&
      wanted.some((wish) => (/^\d+$/.test(wish) ? wish === text : text.startsWith(wish.replace(/\+|xx/i, ""))))
    );
  };
  return { values: wanted, matches };
};

/** One of some expressions is found. */
function expression(texts: readonly string[], textOf: (flow: Message) => string | undefined): Make {
  return (random) => {
    const wanted = random.list(1, 2, () => random.pick(texts));
    const matches = (flow: Message): boolean => {
      const text = textOf(flow);
      if (text === undefined) return false;
      return wanted.some((wish) => new RegExp(wish.replace("(?i)", ""), wish.startsWith("(?i)") ? "i" : "").test(text));
    };
    return { values: wanted, matches };
  };
}

const header: Make = (random) => {
  const wanted = random.list(1, 2, () =>
    random.pick([
      { key: "host", value: "db.shop" },
      { key: "HOST", value: "web" },
      { key: "authorization" },
      { key: "authorization", value: "Bearer" },
      { key: "X-Trace", value: "" },
    ]),
  ) as { key: string; value?: string }[];
  const matches = (flow: Message): boolean => {
    const headers = (at(flow, "l7", "http", "headers") ?? []) as { key: string; value?: string }[];
    return headers.some((one) =>
      wanted.some(
        ({ key, value = "" }) =>
          key.toLowerCase() === one.key.toLowerCase() && (value === "" || value === (one.value ?? "")),
      ),
    );
  };
  return { values: wanted, matches };
};

/** By the two rules that the agent knows. */
const policies: Readonly<Record<string, readonly string[]>> = {
  web: ["web"],
  "shop/db": ["db"],
  "other/db": [],
  "NetworkPolicy/shop/web": ["web"],
  "CiliumNetworkPolicy/shop/web": [],
  "shop/web:egress[0]": ["web"],
  "web:ingress[0]": [],
  "NetworkPolicy//db": [],
};

const policy: Make = (random) => {
  const wanted = random.list(1, 2, () => random.pick(Object.keys(policies)));
  const names = wanted.flatMap((text) => policies[text] ?? []);
  const rules = (flow: Message): string[] => (at(flow, "weir", "rules") as { name: string }[]).map(({ name }) => name);
  return { values: wanted, matches: (flow) => rules(flow).some((name) => names.includes(name)) };
};

/** Fields that are ours, and not on Hubble's wire. */
export const ownFields: Readonly<Record<string, Make>> = {
  protocol: (random) => {
    const tls = random.chance(0.3);
    if (!tls) return protocol(random);
    return { values: ["tls"], matches: (flow) => at(flow, "weir", "tls") !== undefined };
  },
  ip: either(ip),
  pod: either(pod),
  label: either(label),
  port: either((end) => port(`${end}_port`)),
  identity: either(identity),
  namespace: either(namespace),
  source_namespace: namespace("source"),
  destination_namespace: namespace("destination"),
  endpoint: either(endpoint),
  source_endpoint: endpoint("source"),
  destination_endpoint: endpoint("destination"),
  fqdn: either(fqdn),
  service: either(service),
  workload: either(workload),
  staged: oneOf([true, false], (flow) => at(flow, "weir", "staged") !== undefined),
  policy,
};

/** Every field of Hubble's filter but `uuid`, which names one flow. */
export const fields: Readonly<Record<string, Make>> = {
  source_ip: ip("source"),
  destination_ip: ip("destination"),
  source_pod: pod("source"),
  destination_pod: pod("destination"),
  source_label: label("source"),
  destination_label: label("destination"),
  source_port: port("source_port"),
  destination_port: port("destination_port"),
  source_identity: oneOf([1, 2, 20_001, 20_002, 20_003, 9], (flow) => at(flow, "source", "identity")),
  destination_identity: oneOf([1, 2, 20_001, 20_002, 20_004], (flow) => at(flow, "destination", "identity")),
  verdict: oneOf(["FORWARDED", "DROPPED", "REDIRECTED", "AUDIT", "ERROR"], (flow) => flow["verdict"]),
  drop_reason_desc: oneOf(
    ["POLICY_DENIED", "INVALID_SOURCE_MAC", "FRAGMENT_OVERLAP", "DROP_REASON_UNKNOWN", 77],
    (flow) => flow["drop_reason_desc"] ?? "DROP_REASON_UNKNOWN",
  ),
  traffic_direction: oneOf(["INGRESS", "EGRESS", "TRAFFIC_DIRECTION_UNKNOWN"], (flow) => flow["traffic_direction"]),
  ip_version: oneOf(["IPv4", "IPv6", "IP_NOT_USED"], (flow) => at(flow, "IP", "ipVersion") ?? "IP_NOT_USED"),
  reply: oneOf([true, false], (flow) => flow["is_reply"] === true || at(flow, "is_reply", "value") === true),
  encrypted: oneOf([true, false], (flow) => at(flow, "IP", "encrypted") ?? false),
  protocol,
  tcp_flags: flags,
  event_type: eventType,
  interface: device,
  node_name: node,
  node_labels: (random) => {
    const one = term(random);
    return { values: [one.text], matches: () => one.holds([]) };
  },
  source_fqdn: fqdn("source"),
  destination_fqdn: fqdn("destination"),
  source_service: service("source"),
  destination_service: service("destination"),
  source_workload: workload("source"),
  destination_workload: workload("destination"),
  http_status_code: status,
  http_method: oneOf(["GET", "POST", "BREW", "PUT"], (flow) => {
    const method = at(flow, "l7", "http", "method");
    return typeof method === "string" ? method.toUpperCase() : undefined;
  }),
  http_path: expression(["/items", "^/items$", "/$", "id", "^$", "[0-9]"], (flow) => {
    const url = at(flow, "l7", "http", "url") as string | undefined;
    return url?.replace(/^http:\/\/[^/]*/, "").split("?")[0];
  }),
  http_url: expression(["db.shop", "^http:", "id=[0-9]+$", "ADMIN", "(?i)ADMIN"], (flow) => {
    return at(flow, "l7", "http", "url") as string | undefined;
  }),
  http_header: header,
  dns_query: expression(["^api[.]", "example.com.$", "^[.]$", "org"], (flow) => {
    return at(flow, "l7", "dns", "query") as string | undefined;
  }),
  trace_id: nothing("1"),
  ip_trace_id: nothing("1"),
  source_ip_xlated: nothing("10.0.0.0/8"),
  source_cluster_name: nothing("default"),
  destination_cluster_name: nothing("default"),
};
