/**
 * `weir-ipam`: the agent's addresses for interfaces that other plugins make. CNI
 * specification, section 4: no interface in the result, and no programs on anything.
 */
import type { CniAnswer } from "#agent/api/cni.ts";
import { type Cidr, cidrContains, formatAddress, hostCidr, parseAddress, parseCidr } from "#policy/model/cidr.ts";
import { type Call, type CniParts, nothing, podOf, result } from "./call.ts";
import { CniError, ErrorCode } from "./errors.ts";
import { attachmentKey, releaseAll, validAttachments } from "./gc.ts";
import type { IpamLease } from "./ipam-leases.ts";
import { ipamResult, type ResultAddress } from "./result.ts";
import { readRuntimeConfig } from "./runtime-config.ts";

async function add(parts: CniParts, call: Call): Promise<CniAnswer> {
  const { leases } = parts;
  const { token, containerId, ifName, config } = call;
  const before = leases.find(call);
  // Asked again because the answer was lost: the addresses are there.
  if (before?.token === token) return result(resultOf(parts, call, before));
  if (before) {
    const message = `give addresses to ${ifName} of container ${containerId}: it has some already; the runtime has to call DEL first`;
    throw new CniError(ErrorCode.AGENT, message);
  }
  const { addresses } = readRuntimeConfig(config.runtimeConfig, config.askedAddresses);
  const { namespace, pod } = podOf(call);
  const wish = parts.addressWish(namespace, pod);
  const owner = `${namespace}/${pod}`;
  const stickyKey = wish.sticky ? `${owner}/${ifName}` : undefined;
  const lease = await leases.add({
    version: 1,
    token,
    network: config.name,
    containerId,
    ifName,
    owner,
    wanted: { pool: wish.pool ?? config.ipam?.pool, addresses, stickyKey },
  });
  parts.forgetDeletion(call, "ipam");
  return result(resultOf(parts, call, lease));
}

function del({ leases }: CniParts, call: Call): CniAnswer {
  leases.release(call);
  return nothing;
}

function check({ leases }: CniParts, call: Call): CniAnswer {
  if (leases.find(call)) return nothing;
  const message = `check of ${call.ifName}: no addresses are reserved for container ${call.containerId}`;
  throw new CniError(ErrorCode.CHECK_FAILED, message);
}

function status({ problems }: CniParts, { config }: Call): CniAnswer {
  const reasons = problems(config.ipam?.pool);
  if (reasons.length === 0) return nothing;
  throw new CniError(ErrorCode.UNAVAILABLE, `agent is not ready: ${reasons.join("; ")}`, reasons.join("\n"));
}

async function gc({ leases }: CniParts, { config }: Call): Promise<CniAnswer> {
  const valid = validAttachments(config);
  const stale = leases.list().filter((lease) => lease.network === config.name && !valid.has(attachmentKey(lease)));
  await releaseAll(stale, (lease) => leases.release(lease));
  return nothing;
}

/** Addresses with the prefix of their range, whose first address is the gateway: what a bridge asks for. */
function resultOf({ leases }: CniParts, { config }: Call, lease: IpamLease): Record<string, unknown> {
  const addresses = [lease.ipv4, lease.ipv6]
    .filter((address) => address !== null)
    .map((address) => withPrefix(address, leases.ranges));
  const { routes } = config.ipam ?? {};
  return ipamResult(config.cniVersion, {
    addresses,
    routes: routes
      ? routes.map(({ dst, gw }) => ({ destination: dst, gateway: gw }))
      : addresses.map(({ address, gateway }) => ({
          destination: address.includes(":") ? "::/0" : "0.0.0.0/0",
          gateway,
        })),
    dns: config.dns,
  });
}

function withPrefix(text: string, ranges: readonly string[]): ResultAddress {
  const address = parseAddress(text);
  const range = ranges
    .map(parseCidr)
    .find((cidr): cidr is Cidr => cidr !== null && address !== null && cidrContains(cidr, hostCidr(address)));
  // A range that the node does not have any more: the address stands for itself.
  if (!range) return { address: text, prefix: text.includes(":") ? 128 : 32, gateway: undefined };
  const gateway = formatAddress({ family: range.family, value: range.address + 1n });
  return { address: text, prefix: range.bits, gateway };
}

/** What `weir-ipam` does at each verb. */
export const ipamPlugin = { ADD: add, DEL: del, CHECK: check, STATUS: status, GC: gc };
