import type { EndpointRecord } from "#agent/endpoint/record.ts";
import { listHostSides } from "#agent/net/host-sides.ts";
import type { Link } from "#agent/netlink/link.ts";
import type { NodeParts } from "./parts.ts";

/**
 * Interfaces of pods of which no record says anything: an ADD that was cut short, a record that was removed, or
 * another CNI plugin's that is not deleted yet. Their programs stay, and let nothing through.
 */
export class Strays {
  readonly #parts: Pick<NodeParts, "kernel" | "connection" | "endpoints" | "host" | "log">;
  #own: readonly Link[] = [];
  /** Those that are other CNI plugins'. */
  #foreign: readonly string[] = [];

  constructor(parts: NodeParts) {
    this.#parts = parts;
  }

  /** Names of those that are still there. */
  get names(): readonly string[] {
    const names = [...this.#own.map(({ name }) => name), ...this.#foreign];
    return names.filter((name) => this.#parts.host.index(name) !== null);
  }

  /** Looks for our own, at start; gives how many there are. @param records of the earlier life. */
  find(records: readonly EndpointRecord[]): number {
    const { kernel, connection } = this.#parts;
    const known = new Set(records.map(({ hostInterface }) => hostInterface));
    const hooked = new Set(kernel.hooks.list());
    const inKernel = new Set([...kernel.endpoints.read().values()].map(({ ifindex }) => ifindex));
    this.#own = listHostSides(connection).filter(
      ({ name, index }) => !known.has(name) && (hooked.has(name) || inKernel.has(index)),
    );
    return this.#own.length;
  }

  /** Cuts off what is stray, and takes programs away from what is gone. */
  async settle(): Promise<void> {
    const { kernel, endpoints, log } = this.#parts;
    for (const { name, index } of this.#own) {
      kernel.hooks.attach(index, name);
      await kernel.hooks.settle(index, name);
      log.error({ interface: name }, "a pod's interface has no record in the state folder; it is cut off");
    }
    this.#foreign = this.#findForeign();
    const known = new Set([...this.names, ...endpoints.list().map(({ record }) => record.hostInterface)]);
    for (const name of kernel.hooks.list()) if (!known.has(name)) kernel.hooks.detach(name);
    this.removeChainedHooks();
  }

  /** Of chained pods whose interface is gone. As long as it is there, its programs let nothing through. */
  removeChainedHooks(): void {
    const { endpoints, kernel } = this.#parts;
    const strays = new Set(this.#findForeign());
    const known = new Set(endpoints.list().map(({ record }) => record.hostInterface));
    for (const name of kernel.chainedHooks.list()) {
      if (!known.has(name) && !strays.has(name)) kernel.chainedHooks.detach(name);
    }
  }

  #findForeign(): string[] {
    const { endpoints, kernel, host } = this.#parts;
    const known = new Set(endpoints.list().map(({ record }) => record.hostInterface));
    return kernel.chainedHooks.list().filter((name) => {
      const index = known.has(name) ? null : host.index(name);
      return index !== null && kernel.chainedHooks.holds(index, name);
    });
  }
}
