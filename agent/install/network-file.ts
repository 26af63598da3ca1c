import * as z from "zod";

/** A top-level key that runtimes pass over: what has it was written by an agent. */
const MARK = "weir";

/** Names of files that container runtimes read, in the order of their bytes: libcni's `ConfFiles`. */
const readByRuntimes = /\.(conf|conflist|json)$/;

/** Ours, from the one that is wanted to those for folders where others stand before it. */
const names = ["05-weir.conflist", "00-weir.conflist", "0-weir.conflist"] as const;

const plugin = z.looseObject({ type: z.string() });
const networkList = z.looseObject({ name: z.string(), cniVersion: z.string(), plugins: z.array(plugin).min(1) });
const singlePlugin = plugin.extend({ name: z.string(), cniVersion: z.string() });
export type NetworkList = z.infer<typeof networkList>;

/** Multus stands before all others and calls them: to go before it would take it out. */
const dispatchers = new Set(["multus", "multus-shim"]);

/** A network configuration as it was found. */
export interface NetworkFile {
  readonly file: string;
  /** Written by an agent, under a name that it gives: a copy under another is somebody's. */
  readonly isOurs: boolean;
  /** Only a dispatcher, which calls the first of the others. */
  readonly isDispatcher: boolean;
  /** Null: it is not a network configuration, or one without a version. */
  readonly list: NetworkList | null;
}

export function isNetworkFile(name: string): boolean {
  return readByRuntimes.test(name);
}

export function parseNetworkFile(file: string, text: string): NetworkFile {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { file, isOurs: false, isDispatcher: false, list: null }; // runtimes complain of it
  }
  const list = readList(value);
  return {
    file,
    isOurs: (names as readonly string[]).includes(file) && typeof value === "object" && value !== null && MARK in value,
    isDispatcher: list?.plugins.every(({ type }) => dispatchers.has(type)) ?? false,
    list,
  };
}

/** A `.conf` is one plugin: it becomes a list of one, as runtimes make it. */
function readList(value: unknown): NetworkList | null {
  const list = networkList.safeParse(value);
  if (list.success) return list.data;
  const single = singlePlugin.safeParse(value);
  if (!single.success) return null;
  const { name, cniVersion, ...rest } = single.data;
  return { name, cniVersion, plugins: [rest] };
}

export interface WeirPlugin {
  readonly runDir: string;
  /** Bytes of an IP packet. */
  readonly mtu: number;
}

const mark = { [MARK]: "written by weir agent, which restores it; weir cleanup removes it" };

/** The network of Weir itself, with plugins behind it. */
export function ownNetwork(weir: WeirPlugin, chain: readonly string[], versions: readonly string[]): string {
  const hasPortMap = chain.includes("portmap");
  // Of a mapped port the datapath has to know, too: what goes through portmap's NAT may take no short cut.
  const capabilities = {
    bandwidth: true,
    dns: true,
    ips: true,
    mac: true,
    ...(hasPortMap && { portMappings: true }),
  };
  return format({
    cniVersion: preferred(versions),
    cniVersions: versions,
    name: "weir",
    ...mark,
    plugins: [
      { type: "weir-cni", runDir: weir.runDir, mtu: weir.mtu, capabilities },
      ...chain.map((type) => (type === "portmap" ? { type, capabilities: { portMappings: true } } : { type })),
    ],
  });
}

/**
 * Another's network with Weir at its end. It keeps its name: by that its address plugin knows
 * which addresses it has given, and the runtime which attachments it has made.
 */
export function chainedNetwork(original: NetworkList, weir: WeirPlugin): string {
  const limits = original.plugins.some(({ type }) => type === "bandwidth");
  const own = { type: "weir-cni", runDir: weir.runDir, ...(!limits && { capabilities: { bandwidth: true } }) };
  return format({ ...original, ...mark, plugins: [...original.plugins, own] });
}

/** Of 1.0.0 every runtime in use knows; those that know more choose from `cniVersions`. */
function preferred(versions: readonly string[]): string {
  return versions.includes("1.0.0") ? "1.0.0" : (versions.at(-1) ?? "1.0.0");
}

function format(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

/** In the order of their bytes, as runtimes sort. */
export function compareNames(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

export const usualName = names[0];

/**
 * A name before the first of the others, or its own, and then it is in the way; null: it stands
 * before all that there are.
 */
export function firstName(first: string | undefined): string | null {
  if (first === undefined) return usualName;
  return names.find((name) => compareNames(name, first) <= 0) ?? null;
}

/** What a name of {@link firstName} falls back to. */
export const lastResort = names[names.length - 1] as string;
