import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { type Clock, sleep } from "#agent/runtime/clock.ts";
import { reasonOf } from "#agent/runtime/errors.ts";
import { removeFile } from "#agent/runtime/files.ts";
import type { Log } from "#agent/runtime/log.ts";
import { Contest } from "./contest.ts";
import { FolderWatch } from "./folder-watch.ts";
import {
  chainedNetwork,
  firstName,
  isNetworkFile,
  lastResort,
  type NetworkFile,
  ownNetwork,
  parseNetworkFile,
} from "./network-file.ts";
import { backupOf, InstallNote } from "./note.ts";
import {
  ensureFolder,
  giveBack,
  hashOf,
  Looker,
  placeFile,
  readNetwork,
  removeLeftovers,
  removePlaced,
  setAside,
  signatureOf,
} from "./places.ts";
import { commonVersions, PluginVersions } from "./plugin-versions.ts";

export interface CniInstallOptions {
  readonly binDir: string;
  readonly confDir: string;
  readonly stateDir: string;
  /** The program that becomes `weir-cni` and `weir-ipam` of `binDir`. */
  readonly program: string;
  readonly runDir: string;
  /** Bytes of an IP packet. */
  readonly mtu: number;
  /** Plugins behind ours; null: portmap, if it is there. */
  readonly chain: readonly string[] | null;
  /** The network of another that ours is added to; null: none. */
  readonly chainedTo: string | null;
  /** Whether networks of others are set aside. */
  readonly exclusive: boolean;
  readonly clock: Clock;
  readonly log: Log;
  /** Milliseconds between looks without a cause. */
  readonly interval?: number;
}

/** What is installed. */
export interface CniInstallState {
  /** `waiting` until the agent is ready; `incomplete` while something stands in the way. */
  readonly state: "waiting" | "installed" | "incomplete";
  readonly binary: string;
  /** Null: none yet. */
  readonly conflist: string | null;
  /** Plugins of the network, in the order of their calls. */
  readonly plugins: readonly string[];
  readonly cniVersions: readonly string[];
  /** Networks of others that wait under the names of backups. */
  readonly setAside: readonly string[];
  /** What happened last, newest last. */
  readonly events: readonly CniInstallEvent[];
}

interface CniInstallEvent {
  /** RFC 3339. */
  readonly time: string;
  readonly message: string;
}

/** A network as it shall be. */
interface Wanted {
  readonly text: string;
  readonly plugins: readonly string[];
  readonly versions: readonly string[];
}

const INTERVAL = 5_000;
/** Changes come in crowds: milliseconds from the first sign of one to the look. */
const SETTLE = 20;
/** The same where something stands in the way: an attempt that fails makes signs of its own. */
const SETTLE_FAILED = 1_000;
const EVENTS = 10;

/**
 * Puts the CNI plugin and a network configuration where the container runtime looks for them, and
 * keeps them as they are. Whatever the folders hold, a look brings them nearer to what is wanted
 * in steps of which each leaves a folder that a runtime can read; so a crash needs no undoing.
 *
 * Programs first, then the network, which is ours only when its program can serve it; then what
 * is not wanted any more goes.
 */
export class CniInstall {
  readonly #options: CniInstallOptions;
  readonly #looker = new Looker();
  readonly #versions = new PluginVersions();
  readonly #contests = new Map<string, Contest>();
  readonly #events: CniInstallEvent[] = [];
  #note: InstallNote | null = null;
  #program: { readonly signature: string; readonly content: Buffer; readonly hash: string } | null = null;
  #problems: readonly string[] = ["the CNI plugin is not installed yet"];
  #state: Pick<CniInstallState, "state" | "conflist" | "plugins" | "cniVersions"> = {
    state: "waiting",
    conflist: null,
    plugins: [],
    cniVersions: [],
  };
  /** Of the look under way. */
  #found: string[] = [];
  #next = INTERVAL;

  constructor(options: CniInstallOptions) {
    this.#options = options;
  }

  get state(): CniInstallState {
    const setAsideNow = this.#note?.fields.setAside.map(backupOf) ?? [];
    return { ...this.#state, binary: this.#path("weir-cni"), setAside: setAsideNow, events: [...this.#events] };
  }

  /** Why not everything is as it should be, in sentences. */
  get problems(): readonly string[] {
    return this.#problems;
  }

  /** Installs, and keeps what is installed, until the signal; nothing is removed then. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, binDir, confDir } = this.#options;
    let wake = new AbortController();
    using bin = new FolderWatch(binDir, () => wake.abort());
    using conf = new FolderWatch(confDir, () => wake.abort());
    while (!signal.aborted) {
      // What is done after this moment is seen by the next look.
      wake = new AbortController();
      bin.follow();
      conf.follow();
      await this.look();
      // Folders that this look has made.
      bin.follow();
      conf.follow();
      await sleep(clock, this.#next, AbortSignal.any([signal, wake.signal])).catch(() => undefined);
      const settle = this.#found.length === 0 ? SETTLE : SETTLE_FAILED;
      if (!signal.aborted) await sleep(clock, settle, signal).catch(() => undefined);
    }
  }

  /** One look at both folders, which puts right what is not. Never throws: what stands in the way becomes a problem. */
  async look(): Promise<void> {
    this.#found = [];
    this.#next = this.#options.interval ?? INTERVAL;
    try {
      await this.#look();
    } catch (error) {
      this.#found.push(`the CNI plugin cannot be installed: ${reasonOf(error)}`);
    }
    this.#state = { ...this.#state, state: this.#found.length === 0 ? "installed" : "incomplete" };
    const before = new Set(this.#problems);
    this.#problems = this.#found;
    for (const problem of this.#found)
      if (!before.has(problem)) this.#options.log.warn({ problem }, "CNI installation");
  }

  async #look(): Promise<void> {
    const { binDir, confDir, stateDir } = this.#options;
    const note = (this.#note ??= new InstallNote(stateDir));
    ensureFolder(binDir, note);
    removeLeftovers(binDir);
    if (!this.#placePrograms(note)) return;
    const wanted = await this.#wanted();
    ensureFolder(confDir, note);
    removeLeftovers(confDir);
    const others = this.#others().filter(({ isOurs }) => !isOurs);
    const back = this.#toGiveBack(note);
    const path = this.#chooseName(others, back);
    if (wanted === null) {
      // The network that ours is made of is gone: what was made of it can serve as long as it works at all.
      if (note.placed(path) === null || !existsSync(path)) return;
      this.#state = { ...this.#state, conflist: path };
    } else if (!this.#placeNetwork(path, wanted, note)) {
      return;
    }
    this.#removeOld([path, this.#path("weir-cni"), this.#path("weir-ipam")], note);
    for (const other of back) if (other !== path) this.#giveOtherBack(other, note);
    if (this.#options.exclusive) this.#setOthersAside(path, others, note);
  }

  #path(name: string): string {
    return join(this.#options.binDir, name);
  }

  /** True: both are in place. */
  #placePrograms(note: InstallNote): boolean {
    const { content, hash } = this.#readProgram();
    const mode = 0o755;
    // Not two names of one file: whoever writes into one of them would change both.
    return ["weir-cni", "weir-ipam"].every((name) => {
      const path = this.#path(name);
      return this.#keep(path, hash, mode, note, () => placeFile(path, content, mode, note));
    });
  }

  #readProgram(): { readonly content: Buffer; readonly hash: string } {
    const { program } = this.#options;
    const signature = signatureOf(statSync(program));
    if (this.#program?.signature !== signature) {
      const content = readFileSync(program);
      this.#program = { signature, content, hash: hashOf(content) };
    }
    return this.#program;
  }

  #placeNetwork(path: string, { text, plugins, versions }: Wanted, note: InstallNote): boolean {
    const mode = 0o644;
    const isPlaced = this.#keep(path, hashOf(text), mode, note, () => {
      this.#clearTheWay(path, note);
      placeFile(path, text, mode, note);
    });
    if (isPlaced) this.#state = { ...this.#state, conflist: path, plugins, cniVersions: versions };
    return isPlaced;
  }

  /** A file of our name that no agent wrote waits as a backup. */
  #clearTheWay(path: string, note: InstallNote): void {
    const found = this.#looker.look(path);
    if (found.kind === "nothing") return;
    if (found.kind === "file") {
      if (note.isOurs(path, found.hash)) return;
      if (parseNetworkFile(basename(path), readFileSync(path, "utf8")).isOurs) return;
    }
    setAside(path, note, { keepName: true });
    this.#tell(`${path} was somebody else's: it is ${backupOf(path)} until weir cleanup`);
  }

  /**
   * Has a file written if it is not as it should be.
   *
   * @returns true when it is.
   */
  #keep(path: string, hash: string, mode: number, note: InstallNote, write: () => void): boolean {
    const now = this.#now();
    const contest = this.#contest(path);
    const found = this.#looker.look(path);
    if (found.kind === "folder") {
      this.#found.push(`${path} is a folder, in the way of a file; remove it`);
      return false;
    }
    if (found.kind === "file" && found.hash === hash && found.mode === mode) {
      if (note.placed(path) !== hash) note.hasPlaced(path, hash);
    } else {
      const placed = note.placed(path);
      const isOurs = found.kind === "file" && note.isOurs(path, found.hash) && found.mode === mode;
      const isDisturbed = placed !== null && !isOurs;
      const wait = isDisturbed ? contest.wait(now) : 0;
      if (wait > 0) {
        this.#next = Math.min(this.#next, wait);
        this.#found.push(`${path} is not what the agent put there; it is put back in ${Math.ceil(wait / 1000)} s`);
        return false;
      }
      try {
        write();
      } catch (error) {
        this.#found.push(`${path} cannot be written: ${reasonOf(error)}`);
        return false;
      }
      if (isDisturbed) contest.wasPutBack(now);
      const what = found.kind === "nothing" ? "was gone" : "was changed by something else";
      this.#tell(
        isDisturbed ? `${path} ${what}: it is put back` : `${path} is ${placed === null ? "installed" : "updated"}`,
      );
    }
    const times = contest.times(now);
    if (times > 0) {
      this.#found.push(
        `${path} was put back ${times} times: another program removes or changes it; find it, or give the agent another folder`,
      );
    }
    return true;
  }

  /** Milliseconds of a clock that is not set. */
  #now(): number {
    return Number(this.#options.clock.bootNanoseconds() / 1_000_000n);
  }

  #contest(path: string): Contest {
    const contest = this.#contests.get(path) ?? new Contest();
    this.#contests.set(path, contest);
    return contest;
  }

  /** Null: there is nothing to make it of; a problem says so. */
  async #wanted(): Promise<Wanted | null> {
    const { runDir, mtu, chainedTo } = this.#options;
    const own = await this.#versions.of(this.#path("weir-cni"));
    if (own === null)
      throw new Error(`${this.#path("weir-cni")} cannot be executed; is its file system mounted noexec?`);
    if (chainedTo !== null) return this.#wantedChain(chainedTo, own);
    const chain: string[] = [];
    const lists = [own];
    for (const type of this.#options.chain ?? ["portmap"]) {
      const versions = await this.#versionsOf(type);
      if (versions === null) continue;
      chain.push(type);
      lists.push(versions);
    }
    const versions = commonVersions(lists);
    if (versions.length === 0) {
      this.#found.push(`weir-cni and ${chain.join(", ")} have no version of the CNI specification in common`);
      return null;
    }
    return { text: ownNetwork({ runDir, mtu }, chain, versions), plugins: ["weir-cni", ...chain], versions };
  }

  /** Null: it is left out, because every call of the network would fail by it. */
  async #versionsOf(type: string): Promise<readonly string[] | null> {
    try {
      const versions = await this.#versions.of(this.#path(type));
      if (versions === null && this.#options.chain !== null) {
        this.#found.push(`plugin ${type} of --cni-chain is left out: there is no program ${this.#path(type)}`);
      }
      return versions;
    } catch (error) {
      this.#found.push(`plugin ${type} is left out: ${reasonOf(error)}`);
      return null;
    }
  }

  #wantedChain(name: string, versions: readonly string[]): Wanted | null {
    const { confDir, runDir, mtu } = this.#options;
    const original = this.#others().find(({ isOurs, list }) => !isOurs && list?.name === name)?.list;
    if (!original) {
      this.#found.push(
        `there is no network ${name} in ${confDir} that weir-cni could be chained to; see --cni-chained-to`,
      );
      return null;
    }
    if (original.plugins.some(({ type }) => type === "weir-cni")) {
      this.#found.push(
        `network ${name} of ${confDir} has weir-cni already; leave --cni-install or --cni-chained-to out`,
      );
      return null;
    }
    if (!versions.includes(original.cniVersion)) {
      this.#found.push(`network ${name} is of CNI version ${original.cniVersion}, which weir-cni does not speak`);
      return null;
    }
    const plugins = [...original.plugins.map(({ type }) => type), "weir-cni"];
    return { text: chainedNetwork(original, { runDir, mtu }), plugins, versions: [original.cniVersion] };
  }

  /** What a runtime reads in the folder, in its order. */
  #others(): NetworkFile[] {
    const { confDir } = this.#options;
    const names = existsSync(confDir) ? readdirSync(confDir).filter(isNetworkFile) : [];
    return names
      .toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
      .flatMap((name) => {
        const text = readNetwork(join(confDir, name));
        return text === null ? [] : [parseNetworkFile(name, text)];
      });
  }

  /** @param back paths that others will have again. */
  #chooseName(others: readonly NetworkFile[], back: readonly string[]): string {
    const { confDir, exclusive, chainedTo } = this.#options;
    const stays = ({ list }: NetworkFile): boolean => !exclusive || (chainedTo !== null && list?.name === chainedTo);
    const now = others.filter((other) => !other.isDispatcher && stays(other)).map(({ file }) => file);
    const soon = back.filter((path) => dirname(path) === confDir).map((path) => basename(path));
    const name = firstName([...now, ...soon]);
    if (name === null) {
      this.#found.push(
        `${join(confDir, now[0] ?? "")} stands before ${lastResort}: runtimes take it; remove it, or use --cni-exclusive`,
      );
    }
    return join(confDir, name ?? lastResort);
  }

  /** What earlier lives with other folders, or under other names, have left. */
  #removeOld(wanted: readonly string[], note: InstallNote): void {
    const { confDir } = this.#options;
    const marked = this.#others().filter(({ isOurs }) => isOurs);
    const strays = marked.map(({ file }) => join(confDir, file)).filter((path) => !wanted.includes(path));
    const noted = Object.keys(note.fields.files).filter((path) => !wanted.includes(path) && !strays.includes(path));
    const networksFirst = noted.toSorted((a, b) => Number(isNetworkFile(b)) - Number(isNetworkFile(a)));
    for (const path of [...strays, ...networksFirst]) {
      this.#attempt(`${path} cannot be removed`, () => {
        const removed = note.fields.files[path] ? removePlaced(path, note) : removeFile(path);
        if (removed) this.#tell(`${path} is removed: ${wanted[0]} is the network now`);
      });
    }
  }

  #setOthersAside(own: string, others: readonly NetworkFile[], note: InstallNote): void {
    const { confDir, chainedTo } = this.#options;
    for (const { file, list, isDispatcher } of others) {
      const path = join(confDir, file);
      if (path === own || isDispatcher || (chainedTo !== null && list?.name === chainedTo)) continue;
      const contest = this.#contest(path);
      const now = this.#now();
      const wait = contest.wait(now);
      if (wait > 0) {
        this.#next = Math.min(this.#next, wait);
        this.#found.push(
          `${path} is there again, for the ${contest.count}. time: whoever writes it does not want it renamed`,
        );
        continue;
      }
      this.#attempt(`${path} cannot be renamed`, () => {
        setAside(path, note, { keepName: false });
        contest.wasPutBack(now);
        this.#tell(`${path} is ${backupOf(path)} until weir cleanup`);
      });
    }
  }

  /** Paths of those that an earlier life with other options has set aside, and of what was in the way of ours. */
  #toGiveBack(note: InstallNote): string[] {
    const { confDir, exclusive } = this.#options;
    return note.fields.setAside.filter((path) => !exclusive || dirname(path) !== confDir);
  }

  #giveOtherBack(path: string, note: InstallNote): void {
    this.#attempt(`${backupOf(path)} cannot be renamed`, () => {
      if (giveBack(path, note)) this.#tell(`${path} has its name back`);
      else
        this.#found.push(`${backupOf(path)} is not needed any more, but there is another ${path}; remove one of them`);
    });
  }

  #attempt(what: string, act: () => void): void {
    try {
      act();
    } catch (error) {
      this.#found.push(`${what}: ${reasonOf(error)}`);
    }
  }

  #tell(message: string): void {
    const { clock, log } = this.#options;
    log.info({}, message);
    this.#events.push({ time: clock.now().toISOString(), message });
    if (this.#events.length > EVENTS) this.#events.shift();
  }
}
