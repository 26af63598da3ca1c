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
  /** Names; null: the devices of the default routes. */
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
    const names = this.#names();
    this.#present = connection.dump(getLinks(), parseLink).filter(({ name }) => names.has(name));
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

  #names(): Set<string> {
    const { connection, wanted } = this.#options;
    if (wanted !== null) return new Set(wanted);
    const links = new Map(connection.dump(getLinks(), parseLink).map(({ index, name }) => [index, name]));
    const routes = families.flatMap((family) => defaultRoutes(connection, family));
    return new Set(routes.map((index) => links.get(index)).filter((name) => name !== undefined));
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
