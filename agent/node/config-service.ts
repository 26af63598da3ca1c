import type { OptionView } from "#agent/api/config-views.ts";
import { ApiError } from "#agent/api/errors.ts";
import type { ConfigPort } from "#agent/api/ports.ts";
import { subsystemLog } from "#agent/runtime/log.ts";
import type { NodeParts } from "./parts.ts";

/** Options that are set while the agent runs: kept first, then put in force as one transaction. */
export function configPort({ live, policy, objects, changes, log }: NodeParts): ConfigPort {
  const configLog = subsystemLog(log, "config");
  const list = (): OptionView[] =>
    live.list().map(({ isLive, start, ...option }) => ({
      ...option,
      live: isLive,
      start: start && { value: start.text, origin: start.origin },
    }));
  return {
    list,
    change: (asked) =>
      changes.run(async () => {
        const takeBack = live.keep(asked);
        const words = Object.entries(asked).map(([name, value]) => `${name} ${value ?? "as at the start"}`);
        try {
          const refusal = await policy.configure(live.values, objects.current().objects);
          if (refusal !== null) throw new ApiError("conflict", { asked: `set ${words.join(", ")}`, obstacle: refusal });
        } catch (error) {
          takeBack();
          throw error;
        }
        configLog.warn({ ...policy.options, revision: Number(policy.revision) }, `set live: ${words.join(", ")}`);
        return { revision: Number(policy.revision), options: list().filter(({ name }) => Object.hasOwn(asked, name)) };
      }),
  };
}
