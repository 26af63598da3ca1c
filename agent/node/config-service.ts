import type { OptionView } from "#agent/api/config-views.ts";
import { ApiError } from "#agent/api/errors.ts";
import type { ConfigPort } from "#agent/api/ports.ts";
import type { PolicyOptions } from "#agent/endpoint/policy-controller.ts";
import type { LiveValues, OptionChanges } from "#agent/runtime/live-options.ts";
import { subsystemLog } from "#agent/runtime/log.ts";
import type { NodeParts } from "./parts.ts";

/** Those of the options that can be set live which say how policy is read. */
export function policyOptionsOf({ enforcement, cidrMatchesPods, audit }: LiveValues): PolicyOptions {
  return { enforcement, cidrMatchesPods, audit };
}

/** Options that are set while the agent runs: kept first, then put in force as one transaction. */
export function configPort({ config, live, policy, objects, ipam, changes, log }: NodeParts): ConfigPort {
  const configLog = subsystemLog(log, "config");
  const list = (): OptionView[] =>
    live.list().map(({ isLive, start, ...option }) => ({
      ...option,
      live: isLive,
      start: start && { value: start.text, origin: start.origin },
    }));
  /** What is wrong with ranges is told before anything is changed. */
  const rangesOf = (asked: OptionChanges): readonly string[] | null => {
    if (!Object.hasOwn(asked, "pod-cidr")) return null;
    if (config.ipam !== "host") {
      const obstacle = `the ranges of this node are those that --ipam ${config.ipam} gives it`;
      throw new ApiError("conflict", { asked: "set pod-cidr", obstacle });
    }
    ipam.checkRanges(live.values.podCidr);
    return live.values.podCidr;
  };
  return {
    list,
    change: (asked) =>
      changes.run(async () => {
        const takeBack = live.keep(asked);
        const words = Object.entries(asked).map(([name, value]) => `${name} ${value ?? "as at the start"}`);
        try {
          const ranges = rangesOf(asked);
          const refusal = await policy.configure(policyOptionsOf(live.values), objects.current().objects);
          if (refusal !== null) throw new ApiError("conflict", { asked: `set ${words.join(", ")}`, obstacle: refusal });
          if (ranges !== null) ipam.setRanges(ranges);
        } catch (error) {
          takeBack();
          throw error;
        }
        configLog.warn({ ...policy.options, revision: Number(policy.revision) }, `set live: ${words.join(", ")}`);
        return { revision: Number(policy.revision), options: list().filter(({ name }) => Object.hasOwn(asked, name)) };
      }),
  };
}
