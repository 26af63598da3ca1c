import type { Socket } from "node:net";
import { finished } from "node:stream/promises";
import { meetsServerNames } from "#policy/l7/server-names.ts";
import type { CurrentRules, ProxiedConnection } from "../proxied-connection.ts";
import { ignore, relay } from "../relay.ts";
import { type RequestRecord, recordEnds } from "../request-record.ts";
import { type Decision, type ProxyRule, decide } from "../rule-book.ts";
import { WallClock } from "../wall-clock.ts";
import { readGreeting } from "./greeting.ts";
import { passHandshake } from "./handshake.ts";
import { HelloRetryWatch } from "./hello-retry.ts";
import { ContentType } from "./records.ts";

/** Why a handshake ends (RFC 8446, section 6.2). */
const Alert = { accessDenied: 49, decodeError: 50 } as const;
type Alert = (typeof Alert)[keyof typeof Alert];
const FATAL = 2;
/** ms that a client has to take its alert and to end, too. */
const LINGER = 2000;

/**
 * Serves a client that speaks TLS: decides by the name that its hello asks for, and passes everything on as it is. Policy is
 * asked once; a connection that it allows no longer is cut by the datapath.
 */
export async function serveTls(connection: ProxiedConnection): Promise<void> {
  const { client, limits } = connection;
  client.allowHalfOpen = true;
  client.on("error", ignore);
  const greeting = await readGreeting(client, limits.headTimeout);
  const rules = greeting && connection.rules();
  if (!greeting || !rules) return void client.resetAndDestroy();

  const decision = decide(rules.ends, (rule) => allows(rule, greeting.serverName));
  const tell = (verdict: RequestRecord["verdict"], decision: Decision): void =>
    connection.tell(recordOf(connection, rules, { verdict, decision, serverName: greeting.serverName }));
  if (!decision.isAllowed) {
    tell("denied", decision);
    return refuse(client, greeting.isReadable ? Alert.accessDenied : Alert.decodeError);
  }
  // Why not is of no use to anybody: what the client sees is that the connection breaks off.
  const server = await connection.connect().catch(() => null);
  tell(server ? "forwarded" : "error", decision);
  if (!server || client.destroyed) {
    server?.destroy();
    return void client.resetAndDestroy();
  }
  server.on("error", ignore);
  server.allowHalfOpen = true;
  server.write(greeting.bytes.subarray(0, greeting.end));
  const early = greeting.bytes.subarray(greeting.end);
  const isAsked = rules.ends.some(({ isPlain }) => !isPlain);
  if (isAsked && greeting.serverName !== null) {
    const watch = new HelloRetryWatch(greeting.serverName);
    await passHandshake(client, server, watch, early, limits.idleTimeout);
    if (watch.state === "refused") {
      tell(
        "denied",
        decide(rules.ends, () => false),
      );
      server.resetAndDestroy();
      return refuse(client, Alert.accessDenied);
    }
  } else if (early.length > 0) {
    server.write(early);
  }
  return relay(client, server, limits.idleTimeout);
}

/** TLS is not opened: a rule about what is in it allows none. */
function allows({ l7, serverNames }: ProxyRule, asked: string | null): boolean {
  return l7 === null && asked !== null && meetsServerNames(serverNames, asked);
}

/** Ends the handshake as a server does that wants none, with an alert (RFC 8446, section 6.2). */
async function refuse(client: Socket, alert: Alert): Promise<void> {
  client.end(Buffer.from([ContentType.alert, 3, 3, 0, 2, FATAL, alert]));
  // Unread bytes would turn the end into a reset, and take the alert away again.
  client.resume();
  const timer = setTimeout(() => client.destroy(), LINGER);
  await finished(client).catch(() => {});
  clearTimeout(timer);
}

function recordOf(
  { tuple }: ProxiedConnection,
  { judgement }: CurrentRules,
  outcome: {
    readonly verdict: RequestRecord["verdict"];
    readonly decision: Decision;
    readonly serverName: string | null;
  },
): RequestRecord {
  const { verdict, decision, serverName } = outcome;
  return {
    time: new WallClock().nanoseconds(performance.now()),
    tuple,
    ...recordEnds(judgement),
    verdict,
    rules: decision.rules,
    deniedBy: decision.deniedBy,
    kind: "request",
    latency: null,
    content: { family: "tls", serverName },
  };
}
