import type { NetlinkConnection } from "#agent/netlink/connection.ts";
import { Family, LOOPBACK_INDEX, RouteScope, RouteType } from "#agent/netlink/constants.ts";
import { isExisting, isMissing, NetlinkError } from "#agent/netlink/error.ts";
import type { NetlinkRequest } from "#agent/netlink/message.ts";
import { addRoute, deleteRoute, type RouteSpec } from "#agent/netlink/route.ts";
import { addRule, deleteRule, type RuleSpec } from "#agent/netlink/rule.ts";
import type { SettingChange } from "./forwarding.ts";
import { WEIR_ROUTE_PROTOCOL } from "./host-side.ts";
import { readSysctl } from "./sysctl.ts";

/** Marks, rule and table by which packets for the proxy come to it: `bpf/lib/shared/proxy.h`. */
export interface ProxyRouting {
  readonly mark: number;
  readonly mask: number;
  readonly priority: number;
  readonly table: number;
}

/**
 * Settings of the node that the proxy needs. What comes for a pod by a device that has none of our programs must be routed to
 * the pod before the proxy's socket, which has the same addresses, is found: the stack does not forward what has a socket.
 *
 * Must run in the node's network namespace. Documentation/networking/ip-sysctl.rst, `ip_early_demux`.
 *
 * @throws NetError `sysctl`.
 */
export function planProxySettings(): SettingChange[] {
  const path = "net/ipv4/ip_early_demux";
  const before = readSysctl(path);
  return before === undefined || before === "0" ? [] : [{ path, before, value: "0" }];
}

const families = [
  { family: Family.INET, everything: "0.0.0.0/0", isOptional: false },
  { family: Family.INET6, everything: "::/0", isOptional: true },
] as const;

/**
 * Has the node's stack take packets that the datapath has marked for the proxy as its own, whatever their
 * destination. Can be run at any time; what is there is left.
 *
 * @throws NetlinkError `kernel`.
 */
export function ensureProxyRoutes(connection: NetlinkConnection, routing: ProxyRouting): void {
  for (const { isOptional, route, rule } of plan(routing)) {
    for (const request of [addRoute(route), addRule(rule)]) {
      execute(connection, request, (error) => isExisting(error) || (isOptional && isFamilyMissing(error)));
    }
  }
}

/** Takes that away. @throws NetlinkError `kernel`. */
export function removeProxyRoutes(connection: NetlinkConnection, routing: ProxyRouting): void {
  for (const { route, rule } of plan(routing)) {
    for (const request of [deleteRule(rule), deleteRoute(route)]) {
      execute(connection, request, (error) => isMissing(error) || isFamilyMissing(error));
    }
  }
}

function plan({
  mark,
  mask,
  priority,
  table,
}: ProxyRouting): { isOptional: boolean; route: RouteSpec; rule: RuleSpec }[] {
  return families.map(({ family, everything, isOptional }) => ({
    isOptional,
    route: {
      destination: everything,
      index: LOOPBACK_INDEX,
      table,
      type: RouteType.LOCAL,
      scope: RouteScope.HOST,
      protocol: WEIR_ROUTE_PROTOCOL,
    },
    rule: { family, mark, mask, table, priority, protocol: WEIR_ROUTE_PROTOCOL },
  }));
}

function execute(connection: NetlinkConnection, request: NetlinkRequest, isFine: (error: unknown) => boolean): void {
  try {
    connection.execute(request);
  } catch (error) {
    if (!isFine(error)) throw error;
  }
}

/** EOPNOTSUPP, EAFNOSUPPORT, EACCES (`disable_ipv6`): the kernel has no IPv6 here. */
function isFamilyMissing(error: unknown): boolean {
  return error instanceof NetlinkError && [13, 95, 97].includes(error.errno);
}
