import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { type Clock, pause } from "#agent/runtime/clock.ts";
import { reasonOf } from "#agent/runtime/errors.ts";
import { removeFile } from "#agent/runtime/files.ts";
import type { Log } from "#agent/runtime/log.ts";
import { FolderWatch } from "./folder-watch.ts";
import { type KeptFile, KeptFiles } from "./kept-files.ts";
import {
  compareNames,
  firstName,
  isNetworkFile,
  lastResort,
  type NetworkFile,
  parseNetworkFile,
  usualName,
} from "./network-file.ts";
import { backupOf, InstallNote } from "./note.ts";
import {
  ensureFolder,
  giveBack,
  hashOf,
  isNothing,
  isPlaced,
  placeFile,
  readNetwork,
  removeLeftovers,
  removePlaced,
  setAside,
  signatureOf,
} from "./places.ts";
import { NetworkPlan, type WantedNetwork, type WantedNetworkOptions } from "./wanted-network.ts";

export interface CniInstallOptions extends WantedNetworkOptions {
  readonly stateDir: string;
  /** The program that becomes `weir-cni` and `weir-ipam` of `binDir`. */
  readonly program: string;
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
  readonly #plan: NetworkPlan;
  readonly #files = new KeptFiles();
  readonly #events: CniInstallEvent[] = [];
  #note: InstallNote | null = null;
  /** Of the network's file. */
  #name: string | null = null;
  #program: { readonly signature: string; readonly hash: string } | null = null;
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
    this.#plan = new NetworkPlan(options);
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
      await pause(clock, this.#next, AbortSignal.any([signal, wake.signal]));
      const settle = this.#found.length === 0 ? SETTLE : SETTLE_FAILED;
      await pause(clock, settle, signal);
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
    ensureFolder(confDir, note);
    removeLeftovers(confDir);
    const others = this.#networks().filter(({ isOurs }) => !isOurs);
    const wanted = await this.#plan.wanted(others, this.#found);
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
    const hash = this.#programHash();
    const mode = 0o755;
    // Not two names of one file: whoever writes into one of them would change both.
    return ["weir-cni", "weir-ipam"].every((name) => {
      const path = this.#path(name);
      const write = (): void => placeFile(path, readFileSync(this.#options.program), mode, note);
      return this.#keep({ path, hash, mode, write }, note);
    });
  }

  #programHash(): string {
    const { program } = this.#options;
    const signature = signatureOf(statSync(program));
    if (this.#program?.signature !== signature) this.#program = { signature, hash: hashOf(readFileSync(program)) };
    return this.#program.hash;
  }

  #placeNetwork(path: string, { text, plugins, versions }: WantedNetwork, note: InstallNote): boolean {
    const mode = 0o644;
    const write = (): void => {
      this.#clearTheWay(path, note);
      placeFile(path, text, mode, note);
    };
    const isRight = this.#keep({ path, hash: hashOf(text), mode, write }, note);
    if (isRight) this.#state = { ...this.#state, conflist: path, plugins, cniVersions: versions };
    return isRight;
  }

  /** A file of our name that no agent wrote waits as a backup. */
  #clearTheWay(path: string, note: InstallNote): void {
    if (isNothing(path) || isPlaced(path, note)) return;
    setAside(path, note, { keepName: true });
    this.#tell(`${path} was somebody else's: it is ${backupOf(path)} until weir cleanup`);
  }

  /** True: the file is as it shall be. */
  #keep(file: KeptFile, note: InstallNote): boolean {
    const { isRight, event, problem, wait } = this.#files.keep(file, note, this.#now());
    if (event !== undefined) this.#tell(event);
    if (problem !== undefined) this.#found.push(problem);
    if (wait !== undefined) this.#next = Math.min(this.#next, wait);
    return isRight;
  }

  /** Milliseconds of a clock that is not set. */
  #now(): number {
    return Number(this.#options.clock.bootNanoseconds() / 1_000_000n);
  }

  /** What a runtime reads in the folder, in its order. */
  #networks(): NetworkFile[] {
    const { confDir } = this.#options;
    const names = existsSync(confDir) ? readdirSync(confDir).filter(isNetworkFile) : [];
    return names.toSorted(compareNames).flatMap((name) => {
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
    const [first] = [...now, ...soon].toSorted(compareNames);
    const name = firstName(first);
    if (name === null) {
      this.#found.push(
        `${join(confDir, first ?? "")} stands before ${lastResort}: runtimes take it; remove it, or use --cni-exclusive`,
      );
    } else if (name !== this.#name) {
      if (name !== usualName) this.#tell(`the network's file is ${name}, so that it stands before ${first}`);
      this.#name = name;
    }
    return join(confDir, name ?? lastResort);
  }

  /** What earlier lives with other folders, or under other names, have left. */
  #removeOld(wanted: readonly string[], note: InstallNote): void {
    const { confDir } = this.#options;
    const marked = this.#networks().filter(({ isOurs }) => isOurs);
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
      const contest = this.#files.contest(path);
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
