import type { Flow } from "#agent/api/flow.ts";
import type { FlowLog } from "./flow-log.ts";
import type { LabPod } from "./lab-pod.ts";
import {
  type ExpectedVerdict,
  type PlaygroundFlow,
  type PlaygroundPod,
  type PlaygroundRequest,
  playgroundNamespace,
  webPort,
} from "./playground-scenario.ts";
import type { Outcome } from "./traffic-protocol.ts";

/** Milliseconds that a flow may take that must get through, and one that must not. */
const patience = { allow: 5000, deny: 400 };

/** What came of a flow, in the words of {@link ExpectedVerdict}. */
function seenVerdict({ verdict, weir }: Flow): string {
  if (verdict === "FORWARDED" || verdict === "REDIRECTED") {
    const policies = [...new Set(weir.rules.map((rule) => rule.name))].toSorted();
    return `allowed by ${policies.join(", ") || "no policy"}`;
  }
  return `denied by ${weir.rules[0]?.name ?? "default"}, nearest ${weir.nearest?.name ?? "none"}`;
}

function expectedVerdict(expected: ExpectedVerdict): string {
  if (expected.verdict === "deny") return `denied by default, nearest ${expected.nearest}`;
  return `allowed by ${expected.by.toSorted().join(", ") || "no policy"}`;
}

/** Asks, and compares the answer and what the proxy tells of it with what was expected. The difference, or null. */
export async function checkRequest(
  request: PlaygroundRequest,
  pods: Readonly<Record<PlaygroundPod, LabPod>>,
  log: FlowLog,
): Promise<string | null> {
  const { from, to, family, method, path, expected } = request;
  const url = `http://${family === 4 ? pods[to].ipv4 : `[${pods[to].ipv6}]`}:${webPort}${path}`;
  const after = log.mark;
  const status = await pods[from].traffic.ask(url, { method });
  const name = `${from} -> ${to} IPv${family} ${method} ${path}`;
  const wanted = expected.verdict === "allow" ? 200 : 403;
  if (status !== wanted) return `UNEXPECTED  ${name}: ${status}, expected ${wanted}`;
  const isAbout = ({ l7 }: Flow): boolean =>
    l7?.type === "REQUEST" && l7.http?.method === method && l7.http.url === url;
  const flow = await log.first(isAbout, { after });
  const seen = flow === undefined ? "not told of" : seenVerdict(flow);
  return seen === expectedVerdict(expected)
    ? null
    : `UNEXPECTED  ${name}: ${seen}, expected ${expectedVerdict(expected)}`;
}

/** Makes the flow and compares traffic and event with what was expected. The difference, or null. */
export async function checkFlow(
  flow: PlaygroundFlow,
  pods: Readonly<Record<PlaygroundPod, LabPod>>,
  log: FlowLog,
): Promise<string | null> {
  const { from, to, family, protocol, port, expected } = flow;
  const address = family === 4 ? pods[to].ipv4 : pods[to].ipv6;
  const after = log.mark;
  const outcome = await pods[from].traffic.attempt(
    { protocol, address, port },
    { timeout: patience[expected.verdict] },
  );
  const name = `${from} -> ${to} IPv${family} ${protocol} ${port}`;
  const wanted: Outcome = expected.verdict === "allow" ? "answered" : "silent";
  if (outcome !== wanted) return `UNEXPECTED  ${name}: ${outcome}, expected ${wanted}`;
  const key = { from: `${playgroundNamespace}/${from}`, to: `${playgroundNamespace}/${to}`, family, protocol, port };
  const seen = seenVerdict(await log.find(key, { after }));
  return seen === expectedVerdict(expected)
    ? null
    : `UNEXPECTED  ${name}: ${seen}, expected ${expectedVerdict(expected)}`;
}
