/** The process that serves datagrams; `weir proxy` starts one. */
import { childOptions } from "./child-messages.ts";
import { runDatagrams } from "./dns/run.ts";
import { openJudgements } from "./open-judgements.ts";

await runDatagrams(await openJudgements(childOptions().bpffs));
