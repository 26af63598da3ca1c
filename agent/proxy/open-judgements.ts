import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { BpfError } from "libbpf-ts";
import { KernelJudgements } from "#agent/datapath/kernel-judgements.ts";

/** How often, in ms, it is looked for the datapath: without it there are no connections to serve. */
const LOOK = 100;

/** Waits for the datapath's maps. @param bpffs where they are pinned. */
export async function openJudgements(bpffs: string): Promise<KernelJudgements> {
  const folder = join(bpffs, "weir");
  for (;;) {
    try {
      return new KernelJudgements(folder);
    } catch (error) {
      if (!(error instanceof BpfError && error.code === "not-found")) throw error;
      await delay(LOOK);
    }
  }
}
