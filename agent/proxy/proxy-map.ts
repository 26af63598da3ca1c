import { statSync } from "node:fs";
import { join } from "node:path";
import { BpfError, BpfMap, MapHandle, systemClocks, u32 } from "libbpf-ts";
import { proxyState, type ProxyState } from "#agent/datapath/layouts.gen.ts";

/** How often, in ms, the datapath is told that the proxy works. */
const PERIOD = 100;
/** ms for which a child's sign of life counts. */
export const SIGN_OF_LIFE = 500;
/** How often, in ms, it is looked whether the map is still the one that the datapath uses. */
const LOOK = 1000;

const NONE: ProxyState = { alive: 0n, ports: [0, 0, 0, 0] };

interface OpenMap {
  readonly handle: MapHandle;
  readonly states: BpfMap<number, ProxyState>;
  readonly inode: number;
}

/** Tells the datapath where the proxy listens, as long as it works. The one thing that the proxy writes into a map. */
export class ProxyMap implements Disposable {
  readonly #path: string;
  readonly #ports: ProxyState["ports"];
  readonly #isAlive: () => boolean;
  readonly #failed: (error: unknown) => void;
  readonly #timer: NodeJS.Timeout;
  #open: OpenMap | null = null;
  #lookedAt = -Infinity;

  constructor(
    bpffs: string,
    ports: ProxyState["ports"],
    { isAlive, failed }: { readonly isAlive: () => boolean; readonly failed: (error: unknown) => void },
  ) {
    this.#path = join(bpffs, "weir", "maps", "proxy");
    this.#ports = ports;
    this.#isAlive = isAlive;
    this.#failed = failed;
    this.#timer = setInterval(() => this.#write(), PERIOD);
    this.#write();
  }

  /** There is no proxy any more. Not to be said where another one has taken over. */
  clear(): void {
    this.#open?.states.set(0, NONE);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#open?.handle[Symbol.dispose]();
    this.#open = null;
  }

  #write(): void {
    if (!this.#isAlive()) return;
    try {
      this.#look();
      this.#open?.states.set(0, { alive: systemClocks.boot(), ports: this.#ports });
    } catch (error) {
      this.#failed(error);
    }
  }

  /** Opens the map; once more where another one has taken its place. While there is none, there is no datapath that asks. */
  #look(): void {
    const now = performance.now();
    if (now - this.#lookedAt < LOOK && this.#open) return;
    this.#lookedAt = now;
    const inode = statSync(this.#path, { throwIfNoEntry: false })?.ino;
    if (inode === this.#open?.inode) return;
    this.#open?.handle[Symbol.dispose]();
    this.#open = null;
    if (inode === undefined) return;
    try {
      const handle = MapHandle.openPinned(this.#path);
      this.#open = { handle, states: new BpfMap(handle, u32, proxyState), inode };
    } catch (error) {
      // It has gone between the two looks.
      if (!(error instanceof BpfError && error.code === "not-found")) throw error;
    }
  }
}
