/** A process that serves connections; `weir proxy` starts one for each core. */
import { childOptions } from "./child-messages.ts";
import { dnsTcpHandler } from "./dns/tcp.ts";
import { serveHttp1 } from "./http1/serve.ts";
import { serveHttp2 } from "./http2/serve-http2.ts";
import { openJudgements } from "./open-judgements.ts";
import { serveKafka } from "./kafka/serve.ts";
import { serveTls } from "./tls/serve.ts";
import { runWorker } from "./worker.ts";

await runWorker({
  judgements: await openJudgements(childOptions().bpffs),
  handlers: (link) => ({
    http1: (connection) => serveHttp1(connection, link),
    http2: (connection) => serveHttp2(connection, link),
    tls: serveTls,
    kafka: serveKafka,
    dns: dnsTcpHandler({ names: link, denial: () => link.dnsDenial }),
  }),
});
