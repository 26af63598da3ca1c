import * as z from "zod";
import { formatAddress, parseAddress, parseCidr } from "#policy/model/cidr.ts";
import { CniError, ErrorCode } from "./errors.ts";
import { optional } from "./optional.ts";

const address = z.string().refine((text) => parseAddress(text) !== null, "must be an IP address");
const subnet = z.string().refine((text) => parseCidr(text) !== null, "must be ADDRESS/BITS");

const result = z.looseObject({
  interfaces: optional(
    z.array(z.looseObject({ name: z.string(), mac: optional(z.string()), sandbox: optional(z.string()) })),
  ),
  ips: optional(z.array(z.looseObject({ address: subnet, gateway: optional(address), interface: optional(z.int()) }))),
  routes: optional(z.array(z.looseObject({ dst: subnet, gw: optional(address) }))),
});
type Result = z.infer<typeof result>;

/** What earlier plugins of a list, or an earlier ADD, say of the container's interface. */
export interface PrevResult {
  /** As it was given: what goes on to the runtime. */
  readonly given: Readonly<Record<string, unknown>>;
  /** As the result names it, in lower case. */
  readonly mac: string | undefined;
  /** Of the container's interface. */
  readonly addresses: readonly {
    readonly address: string;
    readonly bits: number;
    readonly gateway: string | undefined;
  }[];
  readonly routes: readonly { readonly destination: string; readonly gateway: string | undefined }[];
  /** Names of devices of the node. */
  readonly hostInterfaces: readonly string[];
}

/** Reads `prevResult` for the interface of that name in that namespace. @throws CniError INVALID_CONFIG. */
export function parsePrevResult(value: unknown, ifName: string, netns: string): PrevResult {
  const given = parse(value, "prevResult");
  const { interfaces = [], ips = [], routes = [] } = given;
  const index = interfaces.findIndex(({ name, sandbox }) => name === ifName && (sandbox ?? "") === netns);
  if (index < 0) {
    throw new CniError(ErrorCode.INVALID_CONFIG, `invalid prevResult: it has no interface ${ifName} in ${netns}`);
  }
  return {
    given,
    mac: interfaces[index]?.mac?.toLowerCase(),
    // Plugins of old say no interface where there is but one.
    addresses: ips.filter((ip) => (ip.interface ?? index) === index).map(readAddress),
    routes: routes.map(readRoute),
    hostInterfaces: interfaces.filter(({ sandbox }) => (sandbox ?? "") === "").map(({ name }) => name),
  };
}

/** Addresses and routes that an IPAM plugin gave: a result without interfaces. */
export interface IpamResult {
  readonly addresses: PrevResult["addresses"];
  readonly routes: PrevResult["routes"];
  readonly dns: unknown;
}

/** Reads what an IPAM plugin wrote. @throws CniError DELEGATE. */
export function parseIpamResult(plugin: string, output: string): IpamResult {
  try {
    const { ips = [], routes = [], dns } = parse(JSON.parse(output), "its result");
    if (ips.length === 0) throw new CniError(ErrorCode.DELEGATE, "its result has no address");
    return { addresses: ips.map(readAddress), routes: routes.map(readRoute), dns };
  } catch (error) {
    const reason = (error as Error).message;
    throw new CniError(ErrorCode.DELEGATE, `take addresses of IPAM plugin ${plugin}: ${reason}`, output.slice(0, 1000));
  }
}

function parse(value: unknown, what: string): Result {
  const outcome = result.safeParse(value);
  if (outcome.success) return outcome.data;
  const [issue] = outcome.error.issues;
  const where = issue?.path.map(String).join(".") ?? "";
  throw new CniError(ErrorCode.INVALID_CONFIG, `invalid ${what}: ${where === "" ? "" : `${where}: `}${issue?.message}`);
}

function readAddress(ip: NonNullable<Result["ips"]>[number]): PrevResult["addresses"][number] {
  const [text = "", bits] = ip.address.split("/");
  return { address: canonical(text), bits: Number(bits), gateway: ip.gateway && canonical(ip.gateway) };
}

function readRoute(route: NonNullable<Result["routes"]>[number]): PrevResult["routes"][number] {
  const [text = "", bits] = route.dst.split("/");
  return { destination: `${canonical(text)}/${Number(bits)}`, gateway: route.gw && canonical(route.gw) };
}

/** The one way to write an address; what is none stays as it is. */
function canonical(text: string): string {
  const parsed = parseAddress(text);
  return parsed === null ? text : formatAddress(parsed);
}
