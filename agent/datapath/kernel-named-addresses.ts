import { join } from "node:path";
import { BpfMap, MapHandle } from "libbpf-ts";
import { KernelControl } from "./kernel-control.ts";
import { toKey } from "./kernel-ipcache.ts";
import { ipcacheEntry, type IpcacheEntry, ipcacheKey, type IpcacheKey } from "./layouts.gen.ts";
import { filling } from "./map-full-error.ts";

/** Who an address is, by the prefix that packets to it find. */
export type AddressEntry = Pick<IpcacheEntry, "identity" | "addressClass">;

/**
 * The one right that the proxy has in the datapath while no agent is there: to give an address another address class.
 * Opens the maps where they are pinned.
 */
export class KernelNamedAddresses implements Disposable {
  readonly #handles: readonly MapHandle[];
  readonly #ipcache: BpfMap<IpcacheKey, IpcacheEntry>;
  readonly #control: KernelControl;

  /** @param pinFolder of the datapath. @throws BpfError `not-found` where it is not loaded. */
  constructor(pinFolder: string) {
    const open = (name: string): MapHandle => MapHandle.openPinned(join(pinFolder, "maps", name), name);
    const [ipcache, control] = [open("ipcache"), open("control")];
    this.#handles = [ipcache, control];
    this.#ipcache = new BpfMap(ipcache, ipcacheKey, ipcacheEntry);
    this.#control = new KernelControl(control);
  }

  generation(): bigint {
    return this.#control.generation();
  }

  /** @param prefix A host route. */
  lookup(prefix: string): AddressEntry | undefined {
    return this.#ipcache.get(toKey(prefix));
  }

  /** When it returns, the next packet to the address is judged so. @throws MapFullError */
  write(prefix: string, { identity, addressClass }: AddressEntry): void {
    const { maxEntries } = this.#ipcache.handle.info;
    filling("ipcache", maxEntries, () => this.#ipcache.set(toKey(prefix), { identity, addressClass }));
    this.#control.raiseEpoch(prefix);
  }

  [Symbol.dispose](): void {
    this.#control[Symbol.dispose]();
    for (const handle of this.#handles) handle[Symbol.dispose]();
  }
}
