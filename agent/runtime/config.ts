import { hostname } from "node:os";
import type * as z from "zod";
import { agentOptions } from "./agent-options.ts";
import { readConfigFile } from "./config-file.ts";
import { environmentName, type Option } from "./option.ts";

type Options = typeof agentOptions;
type Parsed<Entry> =
  Entry extends Option<infer Schema, infer Default> ? z.output<Schema> | (Default extends null ? null : never) : never;

/** What the agent was told, typed. Options that are not set are null; the node's name is always set. */
export type AgentConfig = { readonly [Key in Exclude<keyof Options, "nodeName">]: Parsed<Options[Key]> } & {
  readonly nodeName: string;
};

/** What is wrong with the configuration, and where it was said. */
export interface ConfigProblem {
  /** `--pod-cidr`; null: the file as a whole. */
  readonly option: string | null;
  /** `flag`, `WEIR_POD_CIDR`, `/etc/weir.yaml:3:11` or `default`. */
  readonly origin: string;
  readonly message: string;
}

export interface ConfigSources {
  /** By key of {@link agentOptions}, and `config`: the file. As commander gives them. */
  readonly flags: Readonly<Record<string, string | boolean | undefined>>;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** A value as it was written, and where. */
export interface Setting {
  readonly text: string;
  readonly origin: string;
}

/** A configuration without problems. */
export interface LoadedConfig {
  readonly config: AgentConfig;
  /** By option, without dashes; null: not set. */
  readonly settings: ReadonlyMap<string, Setting | null>;
}

export type ConfigResult =
  | ({ readonly ok: true } & LoadedConfig)
  | { readonly ok: false; readonly problems: readonly ConfigProblem[] };

const entries = Object.entries(agentOptions) as [keyof Options, Option][];

/** One line for a person. */
export function describeProblem({ option, origin, message }: ConfigProblem): string {
  return option === null ? `${origin}: ${message}` : `${option} (${origin}): ${message}`;
}

/**
 * Puts flags, environment and file together, in this order of precedence, and parses
 * every option once. All problems are reported, not only the first. An empty
 * environment variable counts as not set.
 */
export function loadConfig({ flags, environment }: ConfigSources): ConfigResult {
  const problems: ConfigProblem[] = [];
  const file = fileSettings(flags["config"] ?? (environment["WEIR_CONFIG"] || undefined), problems);
  const config: Record<string, unknown> = {};
  const settings = new Map<string, Setting | null>();
  for (const [key, entry] of entries) {
    const setting = settingOf(flags[key], environment, file.get(entry.flag), entry);
    settings.set(entry.flag, setting);
    if (setting === null) {
      config[key] = null;
      continue;
    }
    const parsed = parseOption(entry, setting.text);
    if (parsed.ok) config[key] = parsed.value;
    else problems.push({ option: `--${entry.flag}`, origin: setting.origin, message: parsed.message });
  }
  problems.push(...missing(settings));
  if (problems.length > 0) return { ok: false, problems };
  return { ok: true, config: config as unknown as AgentConfig, settings };
}

/** The typed value of an option, or what is wrong with its text. */
export function parseOption(
  entry: Option,
  text: string,
): { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly message: string } {
  const result = entry.schema.safeParse(text);
  if (!result.success) {
    const [issue] = result.error.issues;
    return { ok: false, message: `${JSON.stringify(text)} does not fit: ${issue?.message ?? "it is malformed"}` };
  }
  const unavailable = refuseUnavailable(entry, text);
  return unavailable === null ? { ok: true, value: result.data } : { ok: false, message: unavailable };
}

/** Options that others cannot do without. */
function missing(settings: ReadonlyMap<string, Setting | null>): ConfigProblem[] {
  return entries.flatMap(([, { flag, needs = [] }]) => {
    const setting = settings.get(flag) ?? null;
    if (setting === null) return [];
    return needs
      .filter((needed) => (settings.get(needed) ?? null) === null)
      .map((needed) => ({ option: `--${flag}`, origin: setting.origin, message: `it needs --${needed}, too` }));
  });
}

function fileSettings(path: string | boolean | undefined, problems: ConfigProblem[]): Map<string, Setting> {
  const settings = new Map<string, Setting>();
  if (path === undefined) return settings;
  const file = readConfigFile(String(path));
  for (const { flag, origin, message } of file.problems) {
    problems.push({ option: flag === null ? null : `--${flag}`, origin, message });
  }
  const known = new Map(entries.flatMap(([key, { flag }]) => [flag, key].map((name) => [name, flag] as const)));
  for (const { flag: name, text, origin } of file.settings) {
    const flag = known.get(name);
    if (flag === undefined) problems.push({ option: null, origin, message: `there is no option "${name}"` });
    else if (settings.has(flag)) problems.push({ option: `--${flag}`, origin, message: "it is said twice" });
    else settings.set(flag, { text, origin });
  }
  return settings;
}

function settingOf(
  flag: string | boolean | undefined,
  environment: ConfigSources["environment"],
  file: Setting | undefined,
  entry: Option,
): Setting | null {
  if (flag !== undefined) return { text: String(flag), origin: "flag" };
  const variable = environmentName(entry.flag);
  const fromEnvironment = environment[variable];
  if (fromEnvironment) return { text: fromEnvironment, origin: variable };
  if (file) return file;
  if (entry === agentOptions.nodeName) return { text: hostname().toLowerCase(), origin: "host name" };
  return entry.default === null ? null : { text: entry.default, origin: "default" };
}

function refuseUnavailable({ available, flag }: Option, text: string): string | null {
  if (available === undefined || available.includes(text)) return null;
  const instead = available.length === 0 ? "leave the option out" : `use ${available.join(" or ")}`;
  return `${flag} ${text} is not available in this version; ${instead}`;
}
