/** A process that serves connections; `weir proxy` starts one for each core. */
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { BpfError } from "libbpf-ts";
import { KernelJudgements } from "#agent/datapath/kernel-judgements.ts";
import { childOptions } from "./child-messages.ts";
import { serveHttp2 } from "./http2/serve-http2.ts";
import { serveTls } from "./tls/serve.ts";
import { serveUnread } from "./unserved.ts";
import { runWorker } from "./worker.ts";

/** How often, in ms, it is looked for the datapath: without it there are no connections to serve. */
const LOOK = 100;

async function openJudgements(): Promise<KernelJudgements> {
  const folder = join(childOptions().bpffs, "weir");
  for (;;) {
    try {
      return new KernelJudgements(folder);
    } catch (error) {
      if (!(error instanceof BpfError && error.code === "not-found")) throw error;
      await delay(LOOK);
    }
  }
}

await runWorker({
  judgements: await openJudgements(),
  handlers: () => ({
    http1: serveUnread,
    http2: serveHttp2,
    tls: serveTls,
    kafka: serveUnread,
    dns: serveUnread,
  }),
});
