import { realpath } from "node:fs/promises";
import { version } from "#agent/api/version.ts";
import { ApiClient } from "#agent/api/client.ts";
import type { OptionView } from "#agent/api/config-views.ts";
import { runningAgent } from "#agent/api/run-dir.ts";
import { agentSocket, observeSocket } from "#agent/api/run-dir-paths.ts";
import { reasonOf } from "#agent/runtime/errors.ts";
import { agentParts } from "./agent-parts.ts";
import { Archive } from "./archive.ts";
import { readBounded } from "./bounded-file.ts";
import { fileParts } from "./file-parts.ts";
import { environmentOf, machineParts, type Places } from "./machine-parts.ts";
import { mapParts } from "./map-parts.ts";
import type { Part, PartOutcome } from "./part.ts";
import { Redactor } from "./redact.ts";
import { render } from "./render.ts";

/** Compressed bytes that the archive may have, with room for the manifest. */
const archiveBytes = 19 * 1024 * 1024;

/** Milliseconds for one part. */
const patience = 15_000;

export interface SysdumpOptions {
  readonly file: string;
  readonly runDir: string;
  /** Where an agent that does not answer had its things, and where no log is found, its log. */
  readonly stateDir: string;
  readonly bpffs: string;
  readonly cniConfDir: string;
  readonly logFile: string | null;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  /** Told after each part. */
  readonly onPart: (done: number, of: number) => void;
}

/** `manifest.json` */
export interface Manifest {
  readonly version: string;
  readonly time: string;
  /** `answers`, or why it does not. */
  readonly agent: string;
  readonly parts: readonly PartOutcome[];
}

/**
 * Writes what somebody needs who is to find out what is wrong with a node into a new archive; without secrets.
 * A part that cannot be had keeps nothing else from it.
 *
 * @throws `EEXIST` and other errors of the file; the signal's reason. The file is not there then.
 */
export async function sysdump(options: SysdumpOptions): Promise<Manifest> {
  const { signal, onPart } = options;
  const client = (until: AbortSignal): ApiClient =>
    new ApiClient(agentSocket(options.runDir), observeSocket(options.runDir), until);
  const { config, silence } = await configOf(client(within(signal)));
  const places = await placesOf(options, config);
  const redactor = new Redactor();
  await learn(redactor, options, places, config);

  await using archive = new Archive(options.file);
  const parts = [
    ...machineParts(places),
    ...(await mapParts(places.bpffs)),
    ...(await fileParts(places)),
    ...(silence === null ? agentParts(client) : []),
  ];
  const outcomes: PartOutcome[] = [];
  for (const part of parts) {
    signal.throwIfAborted();
    outcomes.push(await addPart(archive, part, redactor, signal));
    onPart(outcomes.length, parts.length);
  }
  signal.throwIfAborted();
  const manifest: Manifest = {
    version,
    time: new Date().toISOString(),
    agent: silence ?? "answers",
    parts: outcomes,
  };
  await archive.add("manifest.json", Buffer.from(`${JSON.stringify(redactor.value(manifest), null, 2)}\n`));
  await archive.close();
  return manifest;
}

async function addPart(
  archive: Archive,
  { name, read }: Part,
  redactor: Redactor,
  signal: AbortSignal,
): Promise<PartOutcome> {
  const without = (outcome: "absent" | "failed", note: string): PartOutcome => {
    return { name, bytes: 0, outcome, note: redactor.text(note) };
  };
  let content;
  try {
    content = await read(within(signal));
  } catch (error) {
    signal.throwIfAborted();
    return without("failed", reasonOf(error));
  }
  if (content.kind === "absent") return without("absent", content.why);
  const { bytes, left } = render(content, redactor);
  if (archive.written + bytes.length > archiveBytes) return without("failed", "the archive is full");
  await archive.add(name, bytes);
  return { name, bytes: bytes.length, outcome: left === null ? "complete" : "truncated", note: left };
}

function within(signal: AbortSignal): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(patience)]);
}

/** The agent's options, or why it does not tell them. */
async function configOf(client: ApiClient): Promise<{ config: readonly OptionView[]; silence: string | null }> {
  try {
    return { config: await client.config(), silence: null };
  } catch (error) {
    return { config: [], silence: reasonOf(error) };
  }
}

/** An agent that answers has said where its things are. */
async function placesOf(options: SysdumpOptions, config: readonly OptionView[]): Promise<Places> {
  const of = (name: string): string | null => config.find((option) => option.name === name)?.value ?? null;
  const agent = await runningAgent(options.runDir);
  return {
    runDir: options.runDir,
    stateDir: of("state-dir") ?? options.stateDir,
    bpffs: of("bpffs") ?? options.bpffs,
    cniConfDir: of("cni-conf-dir") ?? options.cniConfDir,
    pid: agent === undefined || agent.pid === 0 ? null : agent.pid,
    logFile: options.logFile,
  };
}

/** What is a secret is known where the agent was told of it, and then taken out wherever it stands. */
async function learn(
  redactor: Redactor,
  { environment }: SysdumpOptions,
  { pid }: Places,
  config: readonly OptionView[],
): Promise<void> {
  redactor.knowEnvironment(environment);
  // A process that is another user's, or gone, tells nothing.
  if (pid !== null) redactor.knowEnvironment(await environmentOf(pid).catch(() => ({})));
  for (const { name, value } of config) {
    if (value === null || !/-(?:key|password-file|token-file|headers-file)$/.test(name)) continue;
    const lines = (await secretText(value)).split("\n").map((line) => line.trim());
    redactor.know(lines);
    // `Authorization: Bearer token`: each word of a header's value may stand elsewhere alone.
    if (name.endsWith("-headers-file")) redactor.know(lines.flatMap(headerWords));
  }
}

/** The agent's options name the file, and it may be a link: those of volumes are. */
async function secretText(path: string): Promise<string> {
  try {
    return (await readBounded(await realpath(path), 64 * 1024)).text;
  } catch {
    return ""; // without the right to read it nothing of it can be elsewhere either
  }
}

function headerWords(line: string): string[] {
  const [, value = ""] = /^[^#:\s][^:\s]*:(.*)$/.exec(line) ?? [];
  return value.trim().split(/\s+/);
}
