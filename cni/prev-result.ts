import { formatIp, parseIp } from "#agent/netlink/ip.ts";

import { ErrorCode, failure, type Outcome } from "./errors.ts";
import { integer, list, match, object, optional, type Shape, text } from "./shape.ts";

/** What CHECK takes from the result of ADD, which later plugins of a chain may have changed. */
export interface PrevResult {
  /** As the result names it. */
  readonly mac: string | undefined;
  /** Of the container's interface: canonical `ADDRESS/BITS`. */
  readonly addresses: readonly string[];
  readonly routes: readonly { readonly destination: string; readonly gateway: string | undefined }[];
}

const address: Shape<string> = text(/^[0-9a-fA-F:.]+$/, "an IP address");
const subnet: Shape<string> = text(/^[0-9a-fA-F:.]+\/\d{1,3}$/, "ADDRESS/BITS");

const shape = object({
  interfaces: optional(list(object({ name: text(), mac: optional(text()), sandbox: optional(text()) }))),
  ips: optional(list(object({ address: subnet, interface: optional(integer(-1, 65535)) }))),
  routes: optional(list(object({ dst: subnet, gw: optional(address) }))),
});

/** Reads the configuration's `prevResult` for the interface of that name in that namespace. */
export function parsePrevResult(value: unknown, ifName: string, netns: string): Outcome<PrevResult> {
  if (value === undefined) {
    return failure(ErrorCode.INVALID_CONFIG, "prevResult is missing: CHECK needs the result of ADD");
  }
  const outcome = match(shape, value);
  if (!outcome.ok) return failure(ErrorCode.INVALID_CONFIG, `invalid prevResult: ${outcome.error}`);
  const { interfaces = [], ips = [], routes = [] } = outcome.value;
  const index = interfaces.findIndex(({ name, sandbox }) => name === ifName && sandbox === netns);
  if (index < 0) {
    const message = `prevResult has no interface ${ifName} in ${netns}`;
    return failure(ErrorCode.INVALID_CONFIG, message);
  }
  return {
    ok: true,
    value: {
      mac: interfaces[index]?.mac?.toLowerCase(),
      addresses: ips.filter((ip) => ip.interface === index).map((ip) => canonical(ip.address)),
      routes: routes.map(({ dst, gw }) => ({
        destination: canonical(dst),
        gateway: gw === undefined ? undefined : canonical(gw),
      })),
    },
  };
}

/** The one way to write an address, with its prefix if it has one; what is no address stays as it is. */
function canonical(given: string): string {
  const [host = "", bits] = given.split("/");
  const bytes = parseIp(host);
  const name = bytes ? formatIp(bytes) : host;
  return bits === undefined ? name : `${name}/${Number(bits)}`;
}
