import { createLog } from "#agent/runtime/log.ts";
import { childOptions, type ChildCounts } from "../child-messages.ts";
import { behaveAsChild } from "../child-process.ts";
import type { ConnectionTuple, Judgements } from "../judgement.ts";
import { ParentLink } from "../parent-link.ts";
import type { CurrentRules } from "../proxied-connection.ts";
import { DnsGuard } from "./guard.ts";
import { UdpOutbox } from "./udp-outbox.ts";
import { UdpProxy } from "./udp-proxy.ts";

/** Serves datagrams until the parent says to drain, or has died; then until the queries under way have their answers. */
export async function runDatagrams(judgements: Judgements): Promise<void> {
  const { listeners } = childOptions();
  behaveAsChild(await createLog({ level: "info", format: "auto" }), "the proxy's process for DNS by UDP");
  const link = ParentLink.open({
    serve: () => proxy.listen(listeners),
    drain: () => {
      void proxy
        .drain()
        .then(() => link.close())
        .then(() => process.exit(0));
    },
  });
  const rules = (tuple: ConnectionTuple): CurrentRules | null => {
    const judgement = judgements.of(tuple);
    return judgement && { judgement, ends: link.rules.endRules(judgement) };
  };
  const guard = new DnsGuard({ names: link, denial: () => link.dnsDenial, tell: (record) => link.tell(record) });
  const counts: ChildCounts = link.counts;
  const proxy = new UdpProxy({ guard, rules, counts, outbox: new UdpOutbox() });
}
