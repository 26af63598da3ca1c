import type { DatapathConfig } from "#agent/datapath/layouts.gen.ts";
import type { AgentConfig } from "#agent/runtime/config.ts";

/** What the programs are told before they are loaded; other values make other programs, over the same maps. */
export function datapathConfigOf(config: AgentConfig): DatapathConfig {
  return {
    tcpSynTimeout: config.conntrackTcpSynTimeout,
    tcpEstablishedTimeout: config.conntrackTcpEstablishedTimeout,
    tcpCloseTimeout: config.conntrackTcpCloseTimeout,
    otherTimeout: config.conntrackOtherTimeout,
    traceInterval: config.traceInterval,
    openingBudget: BigInt(config.openingBudget),
    terminateOnDeny: config.terminateOnDeny ? 1 : 0,
    masquerade: config.masquerade ? 1 : 0,
    rehearsal: 0,
    masqueradeFirst: config.masqueradePorts.first,
    masqueradeLast: config.masqueradePorts.last,
  };
}
