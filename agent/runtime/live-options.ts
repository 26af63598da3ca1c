import { join } from "node:path";
import * as z from "zod";
import { agentOptions, type LiveKey, liveKeys } from "./agent-options.ts";
import { type AgentConfig, type LoadedConfig, parseOption, type Setting } from "./config.ts";
import { WeirError } from "./errors.ts";
import { readJsonFile, removeFile, writeFileAtomic } from "./files.ts";

/** What the options that can be set while the agent runs say. */
export type LiveValues = Pick<AgentConfig, LiveKey>;

/** An option as it is. */
export interface OptionState {
  /** Without dashes. */
  readonly name: string;
  /** As it was written; null: not set. */
  readonly value: string | null;
  /** `live`, `flag`, `WEIR_ENFORCEMENT`, `/etc/weir.yaml:3:11`, `default` or `host name`; null: not set. */
  readonly origin: string | null;
  /** Whether it can be set while the agent runs. */
  readonly isLive: boolean;
  /** What the agent was started with, where something else was set since. */
  readonly start: Setting | null;
}

/** By name; null takes back what was set. */
export type OptionChanges = Readonly<Record<string, string | null>>;

export class ConfigError extends WeirError<"unknown-option" | "start-only" | "bad-value" | "unreadable"> {}

const options = Object.values(agentOptions);
const liveFlags: ReadonlySet<string> = new Set(liveKeys.map((key) => agentOptions[key].flag));
const content = z.record(z.string(), z.string());

/**
 * Options that were set while an agent ran: kept in the state folder, they go before what an agent is started
 * with until they are taken back.
 */
export class LiveOptions {
  readonly #path: string;
  readonly #start: LoadedConfig;
  #set: Readonly<Record<string, string>>;

  /** @throws ConfigError `unreadable`: what was set may have been the stricter. */
  constructor(stateDir: string, start: LoadedConfig) {
    this.#path = join(stateDir, "live-options.json");
    this.#start = start;
    const file = readJsonFile(this.#path, content);
    if (!file.ok && !file.missing) throw this.#unreadable(file.message);
    this.#set = file.ok ? file.value : {};
    for (const [name, text] of Object.entries(this.#set)) {
      const problem = problemOf(name, text);
      if (problem) throw this.#unreadable(`${this.#path}: ${name}: ${problem.message}`);
    }
  }

  get values(): LiveValues {
    const values = liveKeys.map((key) => {
      const entry = agentOptions[key];
      const text = this.#set[entry.flag];
      const parsed = text === undefined ? null : parseOption(entry, text);
      return [key, parsed?.ok ? parsed.value : this.#start.config[key]];
    });
    return Object.fromEntries(values) as LiveValues;
  }

  /** All options of the agent. */
  list(): OptionState[] {
    return options.map(({ flag: name }) => {
      const start = this.#start.settings.get(name) ?? null;
      const set = this.#set[name];
      const { text = null, origin = null } = set === undefined ? (start ?? {}) : { text: set, origin: "live" };
      return { name, value: text, origin, isLive: liveFlags.has(name), start: set === undefined ? null : start };
    });
  }

  /**
   * Keeps changes, for {@link values} and for agents to come.
   *
   * @returns takes them back again.
   * @throws ConfigError for changes that are not possible: none of them is kept then.
   */
  keep(changes: OptionChanges): () => void {
    for (const [name, text] of Object.entries(changes)) {
      const problem = problemOf(name, text);
      if (!problem) continue;
      const asked = text === null ? `unset ${name}` : `set ${name}`;
      throw new ConfigError(problem.code, { asked, obstacle: problem.message });
    }
    const before = this.#set;
    const after = Object.entries({ ...before, ...changes }).filter((entry): entry is [string, string] => {
      return entry[1] !== null;
    });
    this.#write(Object.fromEntries(after));
    return () => this.#write(before);
  }

  #write(set: Readonly<Record<string, string>>): void {
    if (Object.keys(set).length === 0) removeFile(this.#path);
    else writeFileAtomic(this.#path, JSON.stringify(set));
    this.#set = set;
  }

  #unreadable(obstacle: string): ConfigError {
    const remedy = "remove the file: then the options that the agent is started with count";
    return new ConfigError("unreadable", { asked: "read the options that were set live", obstacle, remedy });
  }
}

/** What is wrong with setting an option. */
function problemOf(
  name: string,
  text: string | null,
): { code: "unknown-option" | "start-only" | "bad-value"; message: string } | null {
  const entry = options.find(({ flag }) => flag === name);
  if (!entry) return { code: "unknown-option", message: "there is no such option" };
  if (!liveFlags.has(name)) {
    const message = `it can only be given at the start; those that can be set live are ${[...liveFlags].join(", ")}`;
    return { code: "start-only", message };
  }
  const parsed = text === null ? null : parseOption(entry, text);
  return !parsed || parsed.ok ? null : { code: "bad-value", message: parsed.message };
}
