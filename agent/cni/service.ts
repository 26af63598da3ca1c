import { setImmediate } from "node:timers/promises";
import type { CniAnswer, CniCall } from "#agent/api/cni.ts";
import type { CniPort } from "#agent/api/ports.ts";
import { answerError, ApiError } from "#agent/api/errors.ts";
import { add } from "./add.ts";
import type { Call, CniParts } from "./call.ts";
import { check } from "./check.ts";
import { parseConfig, parseConfigOfDel } from "./config.ts";
import { del } from "./del.ts";
import { CniError, errorOutcome } from "./errors.ts";
import { gc } from "./gc.ts";
import { ipamPlugin } from "./ipam-plugin.ts";
import { status } from "./status.ts";
import { type CniVersion, supportedVersions } from "./versions.ts";

type Verb = (parts: CniParts, call: Call) => CniAnswer | Promise<CniAnswer>;
type Verbs = Readonly<Record<CniCall["command"], Verb>>;

const verbs: Readonly<Record<CniCall["plugin"], Verbs>> = {
  "weir-cni": { ADD: add, DEL: del, CHECK: check, STATUS: status, GC: gc },
  "weir-ipam": ipamPlugin,
};

/** A call that was answered. */
export interface EndedCall extends Pick<CniCall, "plugin" | "command"> {
  /** `delegated`: another plugin is asked, and the call comes again. */
  readonly outcome: "ok" | "error" | "delegated";
  /** Of an error: one of ours, or that of another plugin. */
  readonly code: number | null;
  readonly milliseconds: number;
}

/** How the service takes its turn, and what it says of errors that nobody foresaw. */
export interface ServiceOptions {
  /** Pods come and go one change at a time. */
  readonly inTurn: <T>(change: () => T | Promise<T>) => Promise<T>;
  readonly unforeseen: (error: unknown, what: string) => void;
  readonly ended?: (call: EndedCall) => void;
}

/** Serves the calls of the CNI binary. */
export class CniService implements CniPort {
  readonly #parts: CniParts;
  readonly #options: ServiceOptions;

  constructor(parts: CniParts, options: ServiceOptions) {
    this.#parts = parts;
    this.#options = options;
  }

  async call(call: CniCall, signal: AbortSignal): Promise<CniAnswer> {
    const began = performance.now();
    const answer = await this.#answer(call, signal);
    const { plugin, command } = call;
    this.#options.ended?.({ plugin, command, ...outcomeOf(answer), milliseconds: performance.now() - began });
    return answer;
  }

  /** Errors are answers: the runtime is to be told. */
  async #answer(call: CniCall, signal: AbortSignal): Promise<CniAnswer> {
    try {
      const config = call.command === "DEL" ? parseConfigOfDel(call.config) : parseConfig(call.config);
      const verb = verbs[call.plugin][call.command];
      return await this.#options.inTurn(async () => {
        // While it waited for its turn: nothing need be done and undone.
        if (call.command === "ADD" && isGone(signal)) throw signal.reason;
        const answer = await verb(this.#parts, { ...call, config });
        if (call.command === "ADD") {
          // Whoever went while this thread had no time to hear of it, is heard of now.
          await setImmediate();
          if (isGone(signal)) await this.#takeBack(call, config);
        }
        return answer;
      });
    } catch (error) {
      if (!(error instanceof CniError) && answerError(error).status === 500) {
        this.#options.unforeseen(error, `${call.command} of ${call.ifName} of container ${call.containerId}`);
      }
      return errorOutcome(error, versionOf(call.config));
    }
  }

  /**
   * Whoever asked for the interface is gone, and has not heard that it is there. Addresses of an IPAM plugin stay
   * with it until the runtime calls DEL: there is nobody to run it.
   */
  async #takeBack(call: CniCall, config: Call["config"]): Promise<void> {
    await verbs[call.plugin].DEL(this.#parts, { ...call, config, command: "DEL", resume: undefined });
  }
}

function outcomeOf(answer: CniAnswer): Pick<EndedCall, "outcome" | "code"> {
  if ("run" in answer) return { outcome: "delegated", code: null };
  if (answer.exitCode === 0) return { outcome: "ok", code: null };
  return { outcome: "error", code: Number(answer.output?.["code"]) };
}

/** An agent that stops still answers; what it has put in force stays so. */
function isGone({ aborted, reason }: AbortSignal): boolean {
  return aborted && reason instanceof ApiError && reason.code === "caller-gone";
}

/** The plugin has looked at the version already. */
function versionOf({ cniVersion }: CniCall["config"]): CniVersion {
  return supportedVersions.find((version) => version === cniVersion) ?? "1.1.0";
}
