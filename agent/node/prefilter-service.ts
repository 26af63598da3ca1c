import type { PrefilterPort } from "#agent/api/ports.ts";
import { DropReason } from "#agent/datapath/layouts.gen.ts";
import { subsystemLog } from "#agent/runtime/log.ts";
import type { NodeParts } from "./parts.ts";

/** The list of the prefilter, shown and changed. */
export function prefilterPort({ prefilter, kernel, changes, log }: NodeParts): PrefilterPort {
  const prefilterLog = subsystemLog(log, "prefilter");
  const change = async (what: string, act: () => readonly string[]) => {
    const prefixes = await changes.run(async () => act());
    prefilterLog.warn({ ranges: prefixes.length, listed: prefilter.prefixes.length }, what);
    return { prefixes };
  };
  return {
    show: () => {
      const drops = kernel.counters().filter(({ key }) => key.reason === DropReason.PREFILTER);
      const sum = (part: "packets" | "bytes") => Number(drops.reduce((total, { value }) => total + value[part], 0n));
      return {
        prefixes: prefilter.prefixes,
        devices: [...prefilter.hooks].map(([name, hook]) => ({ name, hook })),
        packets: sum("packets"),
        bytes: sum("bytes"),
      };
    },
    add: (prefixes) => change("ranges were added to the prefilter", () => prefilter.add(prefixes)),
    delete: (prefixes) => change("ranges were taken out of the prefilter", () => prefilter.delete(prefixes)),
  };
}
