import * as z from "zod";
import type { AskedBandwidth } from "#agent/endpoint/bandwidth.ts";
import { formatAddress, parseAddress, parseCidr } from "#policy/model/cidr.ts";
import type { Dns } from "./config.ts";
import { CniError, ErrorCode } from "./errors.ts";

/** Bits a second, or bits; 0: none. Bounded, so that what is computed with it stays exact. */
const bits = z.int().nonnegative().max(1e15).default(0);

/** What runtimes bring by capabilities: https://www.cni.dev/docs/conventions/ */
const capabilities = {
  bandwidth: z.strictObject({ ingressRate: bits, ingressBurst: bits, egressRate: bits, egressBurst: bits }),
  ips: z.array(z.string()),
  mac: z.string().regex(/^[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}$/, "must be a MAC address"),
  dns: z.looseObject({
    servers: z.array(z.string()).optional(),
    nameservers: z.array(z.string()).optional(),
    searches: z.array(z.string()).optional(),
    options: z.array(z.string()).optional(),
  }),
  portMappings: z.array(
    z.looseObject({
      hostPort: z.int().min(0).max(65535),
      containerPort: z.int().min(1).max(65535),
      protocol: z.string().optional(),
      hostIP: z.string().optional(),
    }),
  ),
  mtu: z.int().min(68).max(65535),
};

/** What the runtime asks for one attachment. */
export interface RuntimeConfig {
  readonly bandwidth?: AskedBandwidth;
  /** Addresses in canonical text, without prefixes. */
  readonly addresses: readonly string[];
  readonly mac?: string;
  readonly dns?: Dns;
  readonly mtu?: number;
  /** Whether another plugin of the list maps ports of the node to the container: packets then have to pass its NAT. */
  readonly hasPortMappings: boolean;
}

/**
 * Reads a configuration's `runtimeConfig`.
 *
 * @param asked further addresses, of `args.cni.ips`.
 * @throws CniError INVALID_CONFIG, or UNSUPPORTED_FIELD: what a runtime asks for and is not done must not be passed over in silence.
 */
export function readRuntimeConfig(
  given: Readonly<Record<string, unknown>> = {},
  asked: readonly string[] = [],
): RuntimeConfig {
  for (const [key, value] of Object.entries(given)) {
    if (Object.hasOwn(capabilities, key)) continue;
    const message = `unsupported field runtimeConfig.${key}: ${JSON.stringify(value)}; remove the capability from the network configuration`;
    throw new CniError(ErrorCode.UNSUPPORTED_FIELD, message);
  }
  const read = <K extends keyof typeof capabilities>(key: K): z.infer<(typeof capabilities)[K]> | undefined => {
    const value = given[key];
    if (value === undefined || value === null) return undefined;
    const result = capabilities[key].safeParse(uncapitalised(value));
    if (result.success) return result.data as z.infer<(typeof capabilities)[K]>;
    const [issue] = result.error.issues;
    throw refusal([key, ...(issue?.path ?? [])].join("."), issue?.message ?? "is malformed");
  };
  const [bandwidth, mac, dns, mtu] = [read("bandwidth"), read("mac"), read("dns"), read("mtu")];
  const addresses = [...(read("ips") ?? []), ...asked].map(readAddress);
  const mappings = read("portMappings") ?? [];
  return {
    addresses: [...new Set(addresses)],
    hasPortMappings: mappings.length > 0,
    ...(bandwidth && readBandwidth(bandwidth)),
    ...(mac !== undefined && { mac: readMac(mac) }),
    ...(dns && { dns: readDns(dns) }),
    ...(mtu !== undefined && { mtu }),
  };
}

/**
 * Field names with a small first letter. containerd writes `HostPort` and `EgressRate`: its structures have no names
 * for JSON, and plugins in Go, for which the case makes no difference, take them.
 */
function uncapitalised(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(uncapitalised);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) => [name.charAt(0).toLowerCase() + name.slice(1), field]),
  );
}

/** `servers` and `searches` is what the convention calls them, `nameservers` what the specification does. */
function readDns(given: z.infer<(typeof capabilities)["dns"]>): Dns {
  const { servers, nameservers = servers, searches, options } = given;
  return {
    ...(nameservers && { nameservers }),
    ...(searches && { search: searches }),
    ...(options && { options }),
  };
}

/** The prefix, which some runtimes give, says nothing about a pod, which shares its link with nobody. */
function readAddress(given: string): string {
  const [text = "", bits] = given.split("/");
  const parsed = bits === undefined || parseCidr(given) !== null ? parseAddress(text) : null;
  if (parsed === null) throw refusal("ips", `${JSON.stringify(given)} is not an IP address`);
  return formatAddress(parsed);
}

function readMac(given: string): string {
  const mac = given.toLowerCase();
  const first = Number.parseInt(mac.slice(0, 2), 16);
  if ((first & 1) === 0 && mac !== "00:00:00:00:00:00") return mac;
  throw refusal("mac", `${JSON.stringify(given)} is not the address of one interface`);
}

function readBandwidth(given: z.infer<(typeof capabilities)["bandwidth"]>): { bandwidth?: AskedBandwidth } {
  const limit = (way: "egress" | "ingress"): AskedBandwidth["egress"] => {
    const rate = given[`${way}Rate`];
    const burst = given[`${way}Burst`];
    if (rate === 0 && burst > 0) throw refusal(`bandwidth.${way}Burst`, `is ${burst}, and there is no ${way}Rate`);
    return rate === 0 ? null : { rate, burst: burst === 0 ? null : burst };
  };
  const asked = { egress: limit("egress"), ingress: limit("ingress") };
  return asked.egress || asked.ingress ? { bandwidth: asked } : {};
}

function refusal(field: string, fault: string): CniError {
  return new CniError(ErrorCode.INVALID_CONFIG, `invalid network configuration: runtimeConfig.${field}: ${fault}`);
}
