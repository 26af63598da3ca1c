import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Kernel } from "#agent/datapath/kernel.ts";
import { LearnedNames, type LearnedNamesOptions } from "#agent/fqdn/learned-names.ts";
import { DEFAULT_LIMITS, type LearnedName, type NameChanges } from "#agent/fqdn/name-table.ts";
import { NamesJournal } from "#agent/fqdn/names-journal.ts";
import { AwayJournal } from "#agent/proxy/away-journal.ts";
import { bootId } from "#agent/runtime/boot-id.ts";
import type { AgentConfig } from "#agent/runtime/config.ts";
import type { Log } from "#agent/runtime/log.ts";
import { FolderError } from "./folder-lock.ts";

/** How long, in ms, the proxy may take to write down what it has learned, and how often that is looked for. */
const lockTimeout = 5_000;
const lockInterval = 5;

/** What the agent before, and the proxy after it, have learned. */
export interface EarlierNames {
  readonly names: LearnedNames;
  /** Gives the names by address. To be called once, before policy is in force. */
  readonly restore: () => Promise<NameChanges>;
}

export interface NamesParts extends Pick<LearnedNamesOptions, "setNames" | "changes"> {
  readonly config: AgentConfig;
  readonly kernel: Pick<Kernel, "connections" | "now">;
  readonly log: Log;
}

/**
 * From here on this agent alone gives addresses to names: what the proxy has done alone is read afterwards.
 *
 * @throws FolderError `in-use` when another agent lives.
 */
export async function openNames(parts: NamesParts, stack: AsyncDisposableStack): Promise<EarlierNames> {
  const { config, kernel, log, setNames, changes } = parts;
  const boot = bootId();
  const away = new AwayJournal(config.runDir, boot);
  stack.use(await lock(away, config.runDir));
  const { journal, names: own, damage } = NamesJournal.open(join(config.stateDir, "names.journal"), boot);
  stack.use(journal);
  if (damage)
    log.error({ err: damage }, "DNS names of the last life are lost, and learned again with the next answers");
  const names = new LearnedNames({
    limits: { ...DEFAULT_LIMITS, addressesOfName: config.dnsMaxIps },
    minTtl: config.dnsMinTtl,
    setNames,
    changes,
    connections: kernel.connections,
    journal,
    now: () => kernel.now(),
    log,
  });
  return {
    names,
    restore: async () => {
      const heard = away.read();
      const restored = await names.restore([...own, ...heard.names]);
      names.keep(heard.names satisfies readonly LearnedName[]);
      away.clear();
      if (restored.size + heard.names.length > 0)
        log.info({ addresses: restored.size, heard: heard.names.length, damaged: heard.damaged }, "DNS names restored");
      return restored;
    },
  };
}

/** The proxy has it for one write at a time. */
async function lock(away: AwayJournal, runDir: string): Promise<Disposable> {
  const deadline = performance.now() + lockTimeout;
  for (;;) {
    const held = away.lock();
    if (held) return held;
    if (performance.now() > deadline) {
      const remedy = "stop that one or use another --run-dir";
      throw new FolderError("in-use", { asked: `use the folder ${runDir}`, obstacle: "another agent has it", remedy });
    }
    await delay(lockInterval);
  }
}
