import { readdir, readFile, rm, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { runningAgent } from "#agent/api/run-dir.ts";
import { noteFile } from "#agent/install/note.ts";
import { uninstall } from "#agent/install/uninstall.ts";
import { agentSocket, cniSocket, observeSocket, pidFile, proxyLog } from "#agent/api/run-dir-paths.ts";
import { isErrno, reasonOf } from "#agent/runtime/errors.ts";

/** Where an agent kept its things: the values of its options. */
export interface AgentPlaces {
  readonly runDir: string;
  readonly stateDir: string;
  readonly bpffs: string;
}

export interface RemovedThing {
  readonly what: "link" | "pinned object" | "interface" | "setting" | "process" | "file" | "folder" | "backup";
  readonly name: string;
}

export interface CleanupReport {
  readonly removed: readonly RemovedThing[];
  /** What could not be removed, and why. */
  readonly problems: readonly string[];
}

/** Names that the agent gives to the host sides of veths. */
const hostInterface = /^weir[0-9a-f]{11}$/;

/**
 * Removes every trace of an agent that does not run: its programs from their hooks, its
 * maps, its interfaces in this network namespace with their routes, its proxies, the CNI plugin where it
 * installed that, its sockets and its state. Interfaces of other CNI plugins stay: their pods
 * go on, and nobody guards them. Can be called again at any time; what cannot be removed keeps
 * nothing else from it.
 *
 * @throws Error while an agent runs on that run folder, and when its pods' interfaces are in
 *   another network namespace: their programs would go, and the pods stay.
 */
export async function cleanUp(places: AgentPlaces): Promise<CleanupReport> {
  const running = await runningAgent(places.runDir);
  if (running) {
    const who = running.pid === 0 ? "an agent answers on its socket" : `the agent with process id ${running.pid} runs`;
    throw new Error(`clean up ${places.runDir}: ${who}; stop it first`);
  }
  const cleanup = new Cleanup(places);
  await cleanup.refuseElsewhere();
  await cleanup.missStateFolder();
  // First, so that no runtime begins with a pod meanwhile.
  const isUninstalled = cleanup.uninstall();
  // The interfaces are known by records and links, so both are read before either goes.
  const interfaces = await cleanup.interfaces();
  // Pods of other CNI plugins stay, and need what the agent has switched on: forwarding.
  const others = await cleanup.guardsOthers();
  await cleanup.filtersOfOthers();
  await cleanup.pins();
  await cleanup.removeInterfaces(interfaces);
  await cleanup.proxies();
  await cleanup.proxyRoutes();
  if (!others) await cleanup.restoreSettings();
  await cleanup.runFolder();
  await cleanup.stateFolder(isUninstalled);
  return cleanup;
}

class Cleanup implements CleanupReport {
  readonly removed: RemovedThing[] = [];
  readonly problems: string[] = [];
  readonly #places: AgentPlaces;
  readonly #pinFolder: string;

  constructor(places: AgentPlaces) {
    this.#places = places;
    this.#pinFolder = join(places.bpffs, "weir");
  }

  /** What an agent has pinned is never without its state folder: another one was named. */
  async missStateFolder(): Promise<void> {
    const { stateDir } = this.#places;
    if ((await list(this.#pinFolder)).length === 0 || (await list(stateDir)).length > 0) return;
    this.problems.push(
      `find the agent's state in ${stateDir}: there is none; settings of the node and what was installed stay; run this again with the agent's --state-dir`,
    );
  }

  /** Compares the devices that links are on with those of this network namespace. */
  async refuseElsewhere(): Promise<void> {
    const folders = ["links", "chained-links"].map((folder) => join(this.#pinFolder, folder));
    const paths = (
      await Promise.all(folders.map(async (folder) => (await list(folder)).map((file) => [folder, file])))
    ).flat();
    if (paths.length === 0) return;
    const { TcxLink } = await import("libbpf-ts");
    const { NetlinkSocket } = await import("#agent/net/netlink-socket.ts");
    const { getLinks, parseLink } = await import("#agent/netlink/link.ts");
    const { NetlinkConnection } = await import("#agent/netlink/connection.ts");
    using socket = NetlinkSocket.open();
    const all = new NetlinkConnection(socket).dump(getLinks(), parseLink);
    const here = new Set(all.map(({ index, name }) => `${name} ${index}`));
    for (const [folder = "", file = ""] of paths) {
      let ifindex = 0;
      try {
        using link = TcxLink.openPinned(join(folder, file));
        ({ ifindex } = link.info);
      } catch {
        continue; // the mark of a filter, which goes with its device
      }
      const name = interfaceOf(file);
      if (ifindex === 0 || here.has(`${name} ${ifindex}`)) continue;
      throw new Error(
        `clean up ${this.#places.bpffs}: interface ${name} of a pod is not in this network namespace; run this in the node's`,
      );
    }
  }

  /** False: something of it is left. */
  uninstall(): boolean {
    const { files, backups, folders, problems } = uninstall(this.#places.stateDir);
    this.removed.push(...files.map((name) => ({ what: "file" as const, name })));
    this.removed.push(...backups.map((name) => ({ what: "backup" as const, name })));
    this.removed.push(...folders.map((name) => ({ what: "folder" as const, name })));
    this.problems.push(...problems);
    return problems.length === 0;
  }

  /** Host sides that this agent made: those of its endpoint records, and those that its links are on. */
  async interfaces(): Promise<string[]> {
    const linked = (await list(join(this.#pinFolder, "links"))).map(interfaceOf);
    const names = [...(await this.#recorded()), ...linked].filter(
      (name) => name !== undefined && hostInterface.test(name),
    );
    return [...new Set(names)].sort();
  }

  /** Whether pods are guarded whose interfaces other CNI plugins have made. */
  async guardsOthers(): Promise<boolean> {
    if ((await list(join(this.#pinFolder, "chained-links"))).length > 0) return true;
    return (await this.#recordedOfOthers()).length > 0;
  }

  /** Programs that have not been moved to links yet, a second after ADD, go with no pin. */
  async filtersOfOthers(): Promise<void> {
    const devices = await this.#recordedOfOthers();
    if (devices.length === 0) return;
    const { detachClsact } = await import("libbpf-ts");
    const { filterPlace } = await import("#agent/bpf-loader/hooks.ts");
    for (const { index, name } of devices) {
      await this.#try(`take programs off interface ${name}`, () => {
        for (const direction of ["ingress", "egress"] as const) {
          detachClsact({ ifindex: index, direction, ...filterPlace });
        }
      });
    }
  }

  /** Devices of this network namespace that endpoint records name, and that others have made. */
  async #recordedOfOthers(): Promise<readonly { index: number; name: string }[]> {
    const names = new Set((await this.#recorded()).filter((name) => !hostInterface.test(name)));
    if (names.size === 0) return [];
    const { NetlinkSocket } = await import("#agent/net/netlink-socket.ts");
    const { getLinks, parseLink } = await import("#agent/netlink/link.ts");
    const { NetlinkConnection } = await import("#agent/netlink/connection.ts");
    using socket = NetlinkSocket.open();
    return new NetlinkConnection(socket).dump(getLinks(), parseLink).filter(({ name }) => names.has(name));
  }

  async #recorded(): Promise<string[]> {
    const records = join(this.#places.stateDir, "endpoints");
    const names = await Promise.all((await list(records)).map((name) => readHostInterface(join(records, name))));
    return names.filter((name) => name !== undefined);
  }

  /** A link's pin is its last holder: without it the program leaves its hook. */
  async pins(): Promise<void> {
    for (const folder of ["links", "chained-links", "device-links", "xdp-links"]) {
      const links = join(this.#pinFolder, folder);
      for (const name of await list(links)) await this.#remove("link", join(links, name));
    }
    for (const path of await filesBelow(this.#pinFolder)) await this.#remove("pinned object", path);
    await this.#removeFolder(this.#pinFolder, true);
  }

  /** Removing one side of a veth removes the other, and the routes over both. */
  async removeInterfaces(names: readonly string[]): Promise<void> {
    if (names.length === 0) return;
    const { NetlinkSocket } = await import("#agent/net/netlink-socket.ts");
    const { NetlinkConnection } = await import("#agent/netlink/connection.ts");
    const { removeHostSide } = await import("#agent/net/host-sides.ts");
    await this.#try(`remove interfaces ${names.join(", ")}`, () => {
      using socket = NetlinkSocket.open();
      const connection = new NetlinkConnection(socket);
      for (const name of names) {
        if (removeHostSide(connection, name)) this.removed.push({ what: "interface", name });
      }
    });
  }

  /** Settings of the node that the agent changed, and nobody since, get back what they were; the last one first. */
  async restoreSettings(): Promise<void> {
    const { readSettings } = await import("#agent/runtime/kept-settings.ts");
    const { ensureSysctl, readSysctl } = await import("#agent/net/sysctl.ts");
    await this.#try("restore settings of the node", () => {
      for (const { path, before, value } of readSettings(join(this.#places.stateDir, "settings.json")).toReversed()) {
        if (readSysctl(path) !== value) continue;
        ensureSysctl({ path, value: before });
        this.removed.push({ what: "setting", name: `${path} = ${value}: ${before} again` });
      }
    });
  }

  /** By which packets came to the proxy. */
  async proxyRoutes(): Promise<void> {
    const { NetlinkSocket } = await import("#agent/net/netlink-socket.ts");
    const { NetlinkConnection } = await import("#agent/netlink/connection.ts");
    const { removeProxyRoutes } = await import("#agent/net/proxy-routes.ts");
    const { proxyRouting } = await import("#agent/redirect/proxy-routing.ts");
    await this.#try("remove the routes to the proxy", () => {
      using socket = NetlinkSocket.open();
      removeProxyRoutes(new NetlinkConnection(socket), proxyRouting);
    });
  }

  /** They go on without an agent, and would go on without a datapath. */
  async proxies(): Promise<void> {
    const { endProxies } = await import("#agent/redirect/end-proxies.ts");
    const { runDir } = this.#places;
    await this.#try(`end the proxies of ${runDir}`, async () => {
      for (const pid of await endProxies(runDir)) this.removed.push({ what: "process", name: `proxy ${pid}` });
    });
    const files = [join(runDir, "proxy.lock"), proxyLog(runDir), `${proxyLog(runDir)}.1`];
    for (const path of files) await this.#remove("file", path);
    // What it has learned of DNS names while no agent was there.
    await this.#removeFolder(join(runDir, "names"), true);
  }

  async runFolder(): Promise<void> {
    const { runDir } = this.#places;
    for (const path of [agentSocket(runDir), cniSocket(runDir), observeSocket(runDir), pidFile(runDir)])
      await this.#remove("file", path);
    await this.#removeFolder(join(runDir, "deleted"), true);
    await this.#removeFolder(runDir, false);
  }

  /**
   * Only what is an agent's: a mistyped option must not cost anybody a folder. What is left
   * of an installation is known by the note in it alone.
   */
  async stateFolder(isUninstalled: boolean): Promise<void> {
    const { stateDir } = this.#places;
    const names = await list(stateDir);
    if (names.length > 0 && !names.includes("endpoints") && !names.includes(noteFile)) {
      this.problems.push(
        `remove ${stateDir}: it has no folder "endpoints", so it is no agent's state; nothing was touched`,
      );
      return;
    }
    if (isUninstalled) return this.#removeFolder(stateDir, names.length > 0);
    for (const name of names.filter((other) => other !== noteFile))
      await this.#removeFolder(join(stateDir, name), true);
  }

  async #remove(what: RemovedThing["what"], path: string): Promise<void> {
    await this.#try(`remove ${path}`, async () => {
      await rm(path);
      this.removed.push({ what, name: path });
    });
  }

  /** A folder that others use too stays when it is not empty. */
  async #removeFolder(path: string, withContent: boolean): Promise<void> {
    await this.#try(`remove ${path}`, async () => {
      if (withContent) await rm(path, { recursive: true });
      else await rmdir(path);
      this.removed.push({ what: "folder", name: path });
    });
  }

  async #try(asked: string, act: () => void | Promise<void>): Promise<void> {
    try {
      await act();
    } catch (error) {
      if (isErrno(error, "ENOENT") || isErrno(error, "ENOTEMPTY")) return;
      this.problems.push(`${asked}: ${reasonOf(error)}`);
    }
  }
}

/** The interface whose link is pinned as that file. */
function interfaceOf(file: string): string {
  return decodeURIComponent(file.replace(/-(in|e)gress$/, ""));
}

/** Names in a folder; none when there is no such folder. */
async function list(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (isErrno(error, "ENOENT") || isErrno(error, "ENOTDIR")) return [];
    throw error;
  }
}

/** Paths of what is no folder, however deep. */
async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true }).catch((error: unknown) => {
    if (isErrno(error, "ENOENT") || isErrno(error, "ENOTDIR")) return [];
    throw error;
  });
  return entries.filter((entry) => !entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name));
}

/** Of an endpoint record of any version; undefined when the file is none. */
async function readHostInterface(path: string): Promise<string | undefined> {
  try {
    const record: unknown = JSON.parse(await readFile(path, "utf8"));
    const name = (record as { hostInterface?: unknown } | null)?.hostInterface;
    return typeof name === "string" ? name : undefined;
  } catch {
    return undefined; // cut short, or not a record: there is nothing to learn from it
  }
}
