import type { Hooks } from "#agent/datapath/kernel.ts";
import { NetlinkSocket } from "#agent/net/netlink-socket.ts";
import type { NetlinkConnection } from "#agent/netlink/connection.ts";
import { Family, Group, RouteTable, RouteType } from "#agent/netlink/constants.ts";
import { isMissing } from "#agent/netlink/error.ts";
import { getLinks, type Link, parseLink } from "#agent/netlink/link.ts";
import { getRoutes, parseRoute } from "#agent/netlink/route.ts";

const families = [Family.INET, Family.INET6];

export interface NodeDevicesOptions {
  readonly connection: NetlinkConnection;
  readonly hooks: Hooks;
  /** Names; null: the devices of the default routes, now or before. */
  readonly wanted: readonly string[] | null;
}

/** The node's own devices: which they are, and their programs. */
export class NodeDevices {
  readonly #options: NodeDevicesOptions;
  readonly #changes: NetlinkSocket;
  #present: readonly Link[] = [];
  /** The last {@link reconcile} did not come to its end: a device may have gone meanwhile. */
  #isBehind = false;

  constructor(options: NodeDevicesOptions) {
    this.#options = options;
    // Before the first look, so that no change falls between.
    this.#changes = NetlinkSocket.open(Group.LINK | Group.IPV4_ROUTE | Group.IPV6_ROUTE);
  }

  /** Those that have their programs, as the last {@link reconcile} found them. */
  get present(): readonly Link[] {
    return this.#present;
  }

  /** Whether devices or routes may be others than at the last call. One system call when they are not. */
  hasChanged(): boolean {
    return this.#changes.drain() || this.#isBehind;
  }

  /** Brings the programs to all devices that should have them, and away from others. Idempotent. */
  async reconcile(): Promise<void> {
    const { connection, hooks } = this.#options;
    this.#isBehind = true;
    const links = connection.dump(getLinks(), parseLink);
    const names = this.#names(links);
    this.#present = links.filter(({ name }) => names.has(name));
    for (const { index, name } of this.#present) {
      hooks.attach(index, name);
      await hooks.settle(index, name);
    }
    for (const name of hooks.list()) if (!names.has(name)) hooks.detach(name);
    this.#isBehind = false;
  }

  /** What is wrong with them, in sentences. */
  problems(): string[] {
    const { hooks, wanted } = this.#options;
    const missing = (wanted ?? []).filter((name) => !this.#present.some((link) => link.name === name));
    return [
      ...missing.map((name) => `there is no device ${name}, which --device names`),
      ...this.#present
        .filter(({ mac }) => mac === null)
        .map(
          ({ name }) =>
            `device ${name} has no Ethernet header: what comes and goes by it is neither judged nor masqueraded`,
        ),
      ...this.#present.flatMap(({ index, name }) => hooks.check(index, name)),
    ];
  }

  /**
   * A device keeps its programs when its default route goes: whoever is on the link still reaches the node by
   * it, and may be the one who took the route away (a router advertisement does).
   */
  #names(links: readonly Link[]): Set<string> {
    const { connection, hooks, wanted } = this.#options;
    if (wanted !== null) return new Set(wanted);
    const routes = new Set(families.flatMap((family) => defaultRoutes(connection, family)));
    const held = new Set(hooks.list());
    return new Set(links.filter(({ index, name }) => routes.has(index) || held.has(name)).map(({ name }) => name));
  }

  [Symbol.dispose](): void {
    this.#changes[Symbol.dispose]();
  }
}

/** Indices of the devices that the main table's default routes go by. */
function defaultRoutes(connection: NetlinkConnection, family: number): number[] {
  try {
    return connection
      .dump(getRoutes({ family, table: RouteTable.MAIN }), parseRoute)
      .filter(({ destination, table, type }) => {
        return destination.endsWith("/0") && table === RouteTable.MAIN && type === RouteType.UNICAST;
      })
      .flatMap(({ index }) => (index === null ? [] : [index]));
  } catch (error) {
    // A namespace without routes has no such table yet.
    if (isMissing(error)) return [];
    throw error;
  }
}
