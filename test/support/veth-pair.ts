import { withNetns } from "#agent/net/netns.ts";
import { NetworkNamespace } from "./network-namespace.ts";

/** Two network namespaces with a veth pair between them: `here0` (10.9.0.1) and `there0` (10.9.0.2). */
export class VethPair implements Disposable {
  readonly here = new NetworkNamespace("here");
  readonly there = new NetworkNamespace("there");
  /** Of `here0`, in its namespace. */
  readonly ifindex: number;

  constructor() {
    this.here.run("ip", "link", "add", "here0", "type", "veth", "peer", "name", "there0", "netns", this.there.path);
    this.here.run("ip", "address", "add", "10.9.0.1/24", "dev", "here0");
    this.there.run("ip", "address", "add", "10.9.0.2/24", "dev", "there0");
    this.there.run("ip", "link", "set", "there0", "up");
    this.here.run("ip", "link", "set", "here0", "up");
    this.ifindex = Number(/^(\d+):/.exec(this.here.run("ip", "-o", "link", "show", "here0"))?.[1]);
  }

  /** Runs `action`, which awaits nothing, in the namespace of `here0`. */
  in<T>(action: () => T extends PromiseLike<unknown> ? never : T): T {
    return withNetns(this.here.path, action);
  }

  [Symbol.dispose](): void {
    this.here[Symbol.dispose]();
    this.there[Symbol.dispose]();
  }
}
