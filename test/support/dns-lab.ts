import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import type { Admission, DnsDenial } from "#agent/proxy/names.ts";
import type { UdpCounts } from "#agent/proxy/dns/udp-proxy.ts";
import type { CurrentRules } from "#agent/proxy/proxied-connection.ts";
import type { FromDnsProxy, ToDnsProxy } from "./dns-proxy-process.ts";
import { NetworkNamespace } from "./network-namespace.ts";

/** Where a lab's resolver is. */
export const resolverAddress = { 4: "10.98.0.2", 6: "fd98::2" } as const;
export const clientAddress = { 4: "10.97.0.2", 6: "fd97::2" } as const;

/** A client, the DNS proxy between, and a resolver, each in a network namespace of its own. */
export class DnsLab implements AsyncDisposable {
  readonly client = new NetworkNamespace("dns-client");
  readonly proxy = new NetworkNamespace("dns-proxy");
  readonly resolver = new NetworkNamespace("dns-resolver");
  readonly #children: ChildProcess[] = [];
  readonly #said: FromDnsProxy[] = [];
  #process: ChildProcess | null = null;

  /** @param patience how long, in ms, the resolver may take. */
  static async start(patience = 5000): Promise<DnsLab> {
    const lab = new DnsLab();
    lab.#connect();
    const file = resolve(import.meta.dirname, "dns-proxy-process.ts");
    lab.#process = lab.run(
      lab.proxy,
      process.execPath,
      [file, String(patience)],
      ["ignore", "inherit", "inherit", "ipc"],
    );
    lab.#process.on("message", (message: FromDnsProxy) => lab.#said.push(message));
    await lab.next("ready");
    return lab;
  }

  #connect(): void {
    const { client, proxy, resolver } = this;
    for (const [end, name, net] of [
      [client, "client", "97"],
      [resolver, "resolver", "98"],
    ] as const) {
      proxy.run("ip", "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", end.name);
      proxy.run("ip", "address", "add", `10.${net}.0.1/24`, "dev", name);
      proxy.run("ip", "address", "add", `fd${net}::1/64`, "dev", name, "nodad");
      proxy.run("ip", "link", "set", name, "up");
      end.run("ip", "address", "add", `10.${net}.0.2/24`, "dev", "eth0");
      end.run("ip", "address", "add", `fd${net}::2/64`, "dev", "eth0", "nodad");
      end.run("ip", "link", "set", "eth0", "up");
      end.run("ip", "link", "set", "lo", "up");
      end.run("ip", "route", "add", "default", "via", `10.${net}.0.1`);
      end.run("ip", "-6", "route", "add", "default", "via", `fd${net}::1`);
    }
    // Long answers come whole to the proxy, and not to the client.
    proxy.run("ip", "link", "set", "resolver", "mtu", "9000");
    resolver.run("ip", "link", "set", "eth0", "mtu", "9000");
    proxy.run("ip", "link", "set", "lo", "up");
    for (const family of ["-4", "-6"]) {
      for (const protocol of ["udp", "tcp"]) {
        proxy.run("ip", family, "rule", "add", "iif", "client", "ipproto", protocol, "dport", "53", "lookup", "100");
        proxy.run("ip", family, "rule", "add", "iif", "resolver", "ipproto", protocol, "sport", "53", "lookup", "100");
      }
      // Errors about what the proxy has sent in the client's place.
      const icmp = family === "-4" ? "icmp" : "ipv6-icmp";
      proxy.run("ip", family, "rule", "add", "iif", "resolver", "ipproto", icmp, "lookup", "100");
      proxy.run("ip", family, "route", "add", "local", "default", "dev", "lo", "table", "100");
    }
  }

  /** Has dnsmasq serve names, and nothing that it is not told here. */
  async serveNames(options: readonly string[]): Promise<void> {
    const own = ["--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--user=root"];
    const args = [...own, "--pid-file=", "--local=/test/", "--bind-interfaces", "--log-facility=-", ...options];
    const server = this.run(this.resolver, "dnsmasq", args, ["ignore", "ignore", "pipe"]);
    for await (const line of createInterface({ input: server.stderr as Readable })) {
      if (line.includes("started")) break;
    }
    server.stderr?.resume();
  }

  /** Starts a program in a namespace; it ends with the lab. */
  run(
    namespace: NetworkNamespace,
    program: string,
    args: readonly string[],
    stdio: ("ignore" | "inherit" | "ipc" | "pipe")[] = ["ignore", "inherit", "inherit"],
  ): ChildProcess {
    const child = spawn("nsenter", [`--net=${namespace.path}`, program, ...args], { stdio });
    this.#children.push(child);
    return child;
  }

  #say(message: ToDnsProxy): void {
    this.#process?.send(message);
  }

  /** The next thing of a kind that the proxy says, or has said and nobody has asked for. */
  async next<T extends FromDnsProxy["type"]>(type: T): Promise<Extract<FromDnsProxy, { type: T }>> {
    for (;;) {
      const at = this.#said.findIndex((message) => message.type === type);
      if (at >= 0) return this.#said.splice(at, 1)[0] as Extract<FromDnsProxy, { type: T }>;
      if (!this.#process) throw new Error("the DNS proxy has not been started");
      await once(this.#process, "message");
    }
  }

  /** What it has counted so far. */
  async counts(): Promise<UdpCounts> {
    this.#say({ type: "count" });
    return (await this.next("counts")).counts;
  }

  /** What the proxy has said until now is not asked for. */
  forget(): void {
    this.#said.length = 0;
  }

  /** Resolves when they are in force. */
  async setRules(current: CurrentRules | null): Promise<void> {
    this.#say({ type: "rules", current });
    await this.counts();
  }

  /** Whether answers wait for {@link admit} from now on. */
  async holdNames(areHeld: boolean): Promise<void> {
    this.#say({ type: "names", areHeld });
    await this.counts();
  }

  /** What is answered to who may not ask, from now on. */
  async deny(denial: DnsDenial): Promise<void> {
    this.#say({ type: "denial", denial });
    await this.counts();
  }

  /** Has the proxy take nothing new; it says when all is answered. */
  drain(): void {
    this.#say({ type: "drain" });
  }

  admit(admission: Admission): void {
    this.#say({ type: "admit", admission });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill();
      await once(child, "exit");
    }
    for (const namespace of [this.client, this.proxy, this.resolver]) namespace[Symbol.dispose]();
  }
}
