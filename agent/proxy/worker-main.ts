/** A process that serves connections; `weir proxy` starts one for each core. */
import { serveUnread } from "./unserved.ts";
import { runWorker } from "./worker.ts";

await runWorker({
  judgements: { of: () => null },
  handlers: () => ({
    http1: serveUnread,
    http2: serveUnread,
    tls: serveUnread,
    kafka: serveUnread,
    dns: serveUnread,
  }),
});
