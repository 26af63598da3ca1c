import { BlockList, isIPv4, isIPv6 } from "node:net";
import { resolve } from "node:path";
import * as z from "zod";

/** A folder; made absolute from the folder that the agent was started in. */
export const directory = z
  .string()
  .min(1, "a folder's path is wanted")
  .refine((text) => !text.includes("\0"), "a path has no zero byte")
  .transform((text) => resolve(text));

/** A file; made absolute from the folder that the agent was started in. */
export const filePath = z
  .string()
  .min(1, "a file's path is wanted")
  .refine((text) => !text.includes("\0"), "a path has no zero byte")
  .transform((text) => resolve(text));

/** `https://10.0.0.5:2379,https://10.0.0.6:2379`: addresses of one server or of several that are one store. */
export const serverAddresses = z.string().transform((text, context): readonly string[] => {
  const parts = text.split(",").map((piece) => piece.trim());
  const refuse = (message: string): never => {
    context.addIssue({ code: "custom", message });
    return z.NEVER;
  };
  for (const part of parts) {
    const url = URL.parse(part);
    // First, and without its text: it would stand in logs.
    if (part.includes("@")) return refuse("an address holds no password: others can read the command line");
    if (url === null || !/^https?:$/.test(url.protocol) || url.pathname !== "/" || url.search + url.hash !== "") {
      return refuse(
        `"${part}" is no server; http://HOST:PORT or https://HOST:PORT is wanted, several with commas between`,
      );
    }
  }
  if (new Set(parts.map((part) => URL.parse(part)?.protocol)).size > 1) return refuse("all are http, or all are https");
  return [...new Set(parts.map((part) => (URL.parse(part) as URL).origin))];
});

/** The first words of every key of a store, with `/` between. */
export const storePrefix = z
  .string()
  .max(128, "at most 128 characters are allowed")
  .regex(
    /^[A-Za-z0-9._-]+(\/[A-Za-z0-9._-]+)*$/,
    "words of letters, digits, '.', '_', '-' are wanted, with '/' between",
  );

/** `192.0.2.7:4244` or `[2001:db8::7]:4244`. */
export const hostPort = z.string().transform((text, context): { readonly host: string; readonly port: number } => {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+)):(\d{1,5})$/.exec(text);
  const [, six = "", four = "", digits] = match ?? [];
  const port = Number(digits);
  if ((isIPv6(six) || isIPv4(four)) && port >= 1 && port <= 65_535) return { host: six || four, port };
  const wanted = "an address and a port like 192.0.2.7:4244 or [2001:db8::7]:4244 are wanted";
  context.addIssue({ code: "custom", message: wanted });
  return z.NEVER;
});

/** `https://collector:4318`, to which the path of logs is added, or with a path. */
export const collectorUrl = z.string().transform((text, context): URL => {
  const url = URL.parse(text);
  const refuse = (message: string): never => {
    context.addIssue({ code: "custom", message });
    return z.NEVER;
  };
  if (url === null || !/^https?:$/.test(url.protocol)) return refuse("http://HOST:PORT or https://HOST:PORT is wanted");
  if (`${url.username}${url.password}${url.search}${url.hash}` !== "") {
    return refuse("it holds no password and no query: others can read the command line");
  }
  return url.pathname === "/" ? new URL("/v1/logs", url) : url;
});

/** `verdict=DROPPED&namespace=shop`: what it means is for others to say. */
export const queryText = z.string().max(4096, "at most 4096 characters are allowed");
const loopback = new BlockList();
loopback.addSubnet("127.0.0.0", 8, "ipv4");
loopback.addAddress("::1", "ipv6");

/** As {@link hostPort}, of an address that only this machine can reach. */
export const loopbackPort = hostPort.refine(
  ({ host }) => loopback.check(host, isIPv6(host) ? "ipv6" : "ipv4"),
  "only programs of this machine may reach it: a loopback address like 127.0.0.1:9966 or [::1]:9966 is wanted",
);

/** `true` or `false`. */
export const boolean = z.enum(["true", "false"], "true or false is wanted").transform((text) => text === "true");

/** Whether rules about addresses speak of pods, too: as their language says, or always, or never. */
export const cidrMatchesPods = z
  .enum(["language", "true", "false"], "one of language, true, false is wanted")
  .transform((text): "language" | boolean => (text === "language" ? text : text === "true"));

/** A whole number in decimal digits. */
export function integer(least: number, most: number): z.ZodType<number, string> {
  const wanted = `a whole number from ${least} to ${most} is wanted`;
  return z
    .string()
    .regex(/^\d{1,15}$/, wanted)
    .transform(Number)
    .refine((value) => value >= least && value <= most, wanted);
}

const unitsOfTime = { d: 86_400_000n, h: 3_600_000n, m: 60_000n, s: 1_000n, ms: 1n } as const;
const spanPattern = /^(?:(?<d>\d+)d)?(?:(?<h>\d+)h)?(?:(?<m>\d+)m)?(?:(?<s>\d+)s)?(?:(?<ms>\d+)ms)?$/;

/** A span of time such as `60s`, `2h13m20s` or `500ms`, as ns. The bounds are written the same way. */
export function duration(least: string, most: string): z.ZodType<bigint, string> {
  const wanted = `a time from ${least} to ${most} is wanted, like 90s, 2h30m or 500ms`;
  const [lowest, highest] = [nanoseconds(least), nanoseconds(most)] as [bigint, bigint];
  return z.string().transform((text, context) => {
    const value = text.length <= 32 ? nanoseconds(text) : null;
    if (value !== null && value >= lowest && value <= highest) return value;
    context.addIssue({ code: "custom", message: wanted });
    return z.NEVER;
  });
}

/** Null: no span of time. */
function nanoseconds(text: string): bigint | null {
  const groups = text === "" ? undefined : spanPattern.exec(text)?.groups;
  if (!groups) return null;
  return Object.entries(unitsOfTime).reduce(
    (sum, [unit, milliseconds]) => sum + BigInt(groups[unit] ?? 0) * milliseconds * 1_000_000n,
    0n,
  );
}

/** One of several words. */
export function word<const Words extends readonly [string, ...string[]]>(
  words: Words,
): z.ZodType<Words[number], string> {
  return z.enum(words, `one of ${words.join(", ")} is wanted`);
}

/** A node's name: as Kubernetes takes it, a DNS subdomain in lower case. */
export const nodeName = z
  .string()
  .max(253, "at most 253 characters are allowed")
  .regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/, "lower-case letters, digits, '-' and '.' are wanted, as in a DNS name");

/** Names of devices, with commas between. */
export const deviceNames = z.string().transform((text, context): readonly string[] => {
  const names = text.split(",").map((piece) => piece.trim());
  const wrong = names.find((name) => !/^[^\s/:]{1,15}$/.test(name) || name === "lo");
  if (wrong === undefined) return [...new Set(names)];
  context.addIssue({ code: "custom", message: `"${wrong}" is no name of a device towards others` });
  return z.NEVER;
});

/** File names of CNI plugins, with commas between, or `none`. */
export const pluginNames = z.string().transform((text, context): readonly string[] => {
  const names = text === "none" ? [] : text.split(",").map((piece) => piece.trim());
  const wrong = names.find((name) => !/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(name) || name.startsWith("weir-"));
  if (wrong === undefined) return [...new Set(names)];
  context.addIssue({ code: "custom", message: `"${wrong}" is no name of a plugin that could follow weir-cni` });
  return z.NEVER;
});

/** Of a CNI network, as the specification wants it. */
export const networkName = z
  .string()
  .regex(/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/, "letters, digits, '_', '.' and '-' are wanted, a letter or digit first");

/** `10.0.0.0/8,fd00::/8`, or `none`; each once. */
export const cidrList = z.string().transform((text, context): readonly string[] => {
  const parts = text === "none" ? [] : text.split(",").map((piece) => piece.trim());
  const wrong = parts.find((part) => {
    const [address = "", bits = "", ...rest] = part.split("/");
    const most = isIPv4(address) ? 32 : isIPv6(address) && !address.includes("%") ? 128 : -1;
    return rest.length > 0 || !/^(0|[1-9]\d{0,2})$/.test(bits) || Number(bits) > most;
  });
  if (wrong === undefined) return [...new Set(parts)];
  const wanted = "10.0.0.0/8 or fd00::/8 with commas between, or none, is wanted";
  context.addIssue({ code: "custom", message: `"${wrong}" is no range; ${wanted}` });
  return z.NEVER;
});

/** Kubernetes' default ports of NodePort services, which no masqueraded flow has. */
const nodePorts = { first: 30_000, last: 32_767 };

/** `1024-65535`, first and last included. */
export const portRange = z.string().transform((text, context): { readonly first: number; readonly last: number } => {
  const match = /^(\d{1,5})-(\d{1,5})$/.exec(text);
  const [first, last] = [Number(match?.[1]), Number(match?.[2])];
  const isUsable = first < nodePorts.first || last > nodePorts.last;
  if (match && first >= 1 && first <= last && last <= 65_535 && isUsable) return { first, last };
  const wanted = "a range of ports like 1024-65535 is wanted, not within 30000-32767, which NodePorts have";
  context.addIssue({ code: "custom", message: wanted });
  return z.NEVER;
});

/** Ports of one protocol, first and last included. */
export interface ProtocolPorts {
  readonly protocol: "TCP" | "UDP" | "SCTP";
  readonly first: number;
  readonly last: number;
}

/** `tcp:22,udp:68,tcp:2379-2380`, or `none`; each once. */
export const failsafePorts = z.string().transform((text, context): readonly ProtocolPorts[] => {
  const found = new Map<string, ProtocolPorts>();
  for (const part of text === "none" ? [] : text.split(",").map((piece) => piece.trim())) {
    const match = /^(tcp|udp|sctp):(\d{1,5})(?:-(\d{1,5}))?$/.exec(part);
    const [first, last] = [Number(match?.[2]), Number(match?.[3] ?? match?.[2])];
    if (!match || first < 1 || last < first || last > 65_535) {
      const wanted = "tcp:22, udp:68 or tcp:2379-2380 with commas between, or none, is wanted";
      context.addIssue({ code: "custom", message: `"${part}" is no port; ${wanted}` });
      return z.NEVER;
    }
    const protocol = match[1]?.toUpperCase() as ProtocolPorts["protocol"];
    found.set(`${protocol} ${first} ${last}`, { protocol, first, last });
  }
  return [...found.values()];
});

/** `x-tenant,x-trace`, or `none`: names of HTTP's headers (RFC 9110 5.1), which are the same in any case. */
export const headerNames = z.string().transform((text, context): readonly string[] => {
  const names = text === "none" ? [] : text.split(",").map((piece) => piece.trim().toLowerCase());
  const wrong = names.find((name) => !/^[!#$%&'*+.^_`|~0-9a-z-]{1,256}$/.test(name));
  if (wrong === undefined && names.length <= 64) return [...new Set(names)];
  const message = wrong === undefined ? "at most 64 headers are allowed" : `"${wrong}" is no name of a header`;
  context.addIssue({ code: "custom", message });
  return z.NEVER;
});
