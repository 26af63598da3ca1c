import { expect, test } from "vitest";
import { EventHook, EventType } from "#agent/datapath/layouts.gen.ts";
import { encodeAddress } from "#agent/datapath/address.ts";
import type { Flow } from "#agent/api/flow.ts";
import type { FlowParty, PartyQuery } from "#agent/flows/context.ts";
import { FlowReader } from "#agent/flows/reader.ts";
import { FlowRing } from "#agent/flows/ring.ts";
import { ApiFixture } from "#test/agent/api/api-fixture.ts";
import { addEvent, dbEnd, dbRule, denial, event, FakeContext, noEnd, webEnd } from "#test/agent/flows/fixture.ts";
import { type Outcome, weir } from "./cli-fixture.ts";

const bytes = (address: string) => ({ bytes: encodeAddress(address).bytes });

/** What there is to see, each once, in this order: `shop/web-1` speaks to `shop/db-0`, or to the world. */
const events = {
  allow: event(),
  deny: denial(),
  udp: event({ protocol: 17, destinationPort: 53 }),
  ping: event({ protocol: 1, icmpType: 8, sourcePort: 80, destinationPort: 80 }),
  out: event({ destination: bytes("192.0.2.1"), end: [webEnd, noEnd] }),
  spoofed: event({ type: EventType.DROP, reason: 132, end: [webEnd, noEnd] }),
  answer: event({
    type: EventType.TRACE,
    hook: EventHook.POD_INGRESS,
    isReply: 1,
    source: bytes("10.0.0.8"),
    destination: bytes("10.0.0.7"),
    sourcePort: 5432,
    destinationPort: 40_000,
    tcpFlags: 0x12,
    end: [webEnd, dbEnd],
  }),
};
type Name = keyof typeof events;
const names = Object.keys(events) as Name[];
const but = (...without: readonly Name[]): Name[] => names.filter((name) => !without.includes(name));

/** An agent whose pods were told a name of the one address outside. */
class NamingContext extends FakeContext {
  override party(query: PartyQuery): FlowParty {
    const party = super.party(query);
    return query.address === "192.0.2.1" ? { ...party, names: ["www.example.org"] } : party;
  }
}

async function observing(): Promise<ApiFixture> {
  const context = new NamingContext();
  const ring = new FlowRing(context, 16);
  for (const [second, name] of names.entries()) {
    const staged = name === "udp" ? [{ direction: "ingress", verdict: "deny", rules: [dbRule] } as const] : [];
    addEvent(ring, { ...events[name], time: BigInt(second) * 1_000_000_000n }, staged);
  }
  return ApiFixture.start({ flows: new FlowReader(ring, context) });
}

const observe = (api: ApiFixture, ...argv: readonly string[]): Promise<Outcome> => weir(api.runDir, "observe", ...argv);

/** Which of the events they are: by their second. */
function namesOf(stdout: string): (Name | undefined)[] {
  const flows = stdout.split("\n").filter((line) => line !== "");
  return flows.map((line) => names[new Date((JSON.parse(line) as Flow).time).getSeconds()]);
}

test.each<[line: string, wanted: readonly Name[]]>([
  ["", names],
  ["--last 2", ["spoofed", "answer"]],
  ["--first 2", ["allow", "deny"]],
  ["--first 1 --verdict DROPPED", ["deny"]],
  ["--all", names],
  ["--since 2026-01-31T12:00:05Z", ["spoofed", "answer"]],
  ["--until 2026-01-31T12:00:01Z", ["allow", "deny"]],
  ["--since 2026-01-31T12:00:02Z --until 2026-01-31T12:00:03Z", ["udp", "ping"]],
  ["--pod shop/web", names],
  ["--pod web-1", []],
  ["--pod web-1 --namespace shop", names],
  ["--from-pod shop/db", ["answer"]],
  ["--to-pod shop/db-0", but("out", "spoofed", "answer")],
  ["--to-pod /db-", but("out", "spoofed", "answer")],
  ["--from-namespace shop --to-namespace shop", but("out", "spoofed")],
  ["--namespace other", []],
  ["--ip 192.0.2.0/24", ["out"]],
  ["--from-ip 10.0.0.8", ["answer"]],
  ["--to-ip 10.0.0.0/29", ["answer"]],
  ["--label app=db", but("out", "spoofed")],
  ["--from-label k8s:app=db", ["answer"]],
  ["--to-label reserved:world", ["out", "spoofed"]],
  ["--to-port 53", ["udp"]],
  ["--port 53,5432", but("ping")],
  ["--from-port 5432", ["answer"]],
  ["--protocol icmp", ["ping"]],
  ["--protocol UDP,ICMPv4", ["udp", "ping"]],
  ["--identity world", ["out", "spoofed"]],
  ["--to-fqdn *.example.org", ["out"]],
  ["--fqdn www.example.org", ["out"]],
  ["--from-fqdn *", []],
  ["--from-identity 20482", ["answer"]],
  ["--to-identity 2", ["out", "spoofed"]],
  ["--verdict dropped", ["deny", "spoofed"]],
  ["--type policy-verdict", but("spoofed", "answer")],
  ["--type drop", ["deny", "spoofed"]],
  ["--type drop:132", ["spoofed"]],
  ["--type trace:to-endpoint", ["answer"]],
  ["-t trace:from-endpoint", []],
  ["--type l7", []],
  ["--traffic-direction ingress", ["deny"]],
  ["--direction INGRESS", ["deny"]],
  ["--drop-reason-desc policy_denied", ["deny"]],
  ["--drop-reason-desc INVALID_SOURCE_IP,133", ["deny", "spoofed"]],
  ["--tcp-flags SYN,ACK", ["answer"]],
  ["--tcp-flags SYN", but("udp", "ping")],
  ["--reply", ["answer"]],
  ["--ipv6", []],
  ["-4 --reply", ["answer"]],
  ["--node-name n*", names],
  ["--node-name n2", []],
  ["--policy NetworkPolicy/shop/db", ["allow", "udp", "ping", "answer"]],
  ["--policy web:egress[0] --protocol UDP", ["udp"]],
  ["--endpoint 13", but("out", "spoofed")],
  ["--from-endpoint 13", ["answer"]],
  ["--to-endpoint 0", ["out", "spoofed"]],
  ["--interface 33", names],
  ["--staged", ["udp"]],
  ["--not --verdict DROPPED", but("deny", "spoofed")],
  ["--not --verdict DROPPED --not --protocol UDP", but("deny", "spoofed", "udp")],
  ["--protocol TCP --not --reply", but("udp", "ping", "answer")],
  ["--not --port 53 --not --port 5432", ["ping"]],
  ['--allowlist {"reply":[true]} --allowlist {"protocol":["udp"]}', ["udp", "answer"]],
  ['--denylist {"source_pod":["shop/web"]}', ["answer"]],
])("weir observe %s", async (line, wanted) => {
  await using api = await observing();
  const { exitCode, stdout, stderr } = await observe(api, "-o", "json", ...line.split(" ").filter(Boolean));
  expect([namesOf(stdout), stderr, exitCode]).toEqual([wanted, "", 0]);
});

test.each<[line: string, words: string]>([
  ["--pot shop/web", "unknown option '--pot'"],
  ["--verdict MAYBE", "It is none of FORWARDED, DROPPED, REDIRECTED, AUDIT, ERROR"],
  ["--type nonsense", "It is none of drop, debug"],
  ["--type trace:nowhere", "Its sub type is none of to-endpoint"],
  ["--type drop:never", "Its sub type is no number"],
  ["--protocol EGP", "It is none of TCP, UDP"],
  ["--port 65536", "It is not a whole number from 0 to 65535"],
  ["--port http", "It is not a whole number"],
  ["--identity nobody", "It is neither a number nor one of unknown, host, world"],
  ["--tcp-flags SIN", "It is none of FIN, SYN"],
  ["--traffic-direction up", "It is none of INGRESS, EGRESS"],
  ["--from-ip 10.0.0.300", "read filter source_ip: 10.0.0.300 is neither an address nor a CIDR"],
  ["--from-label a~in~b", "read filter source_label: a in b is no label selector"],
  ["--pod /", "read filter pod: [NAMESPACE/]NAME-PREFIX is wanted"],
  ["--to-fqdn a~b", "read filter destination_fqdn: a b is no pattern of domain names"],
  ["--policy a/b/c/d", "read filter policy: a/b/c/d is not [[KIND/]NAMESPACE/]NAME[:RULE]"],
  ["--drop-reason-desc BAD_LUCK", "BAD_LUCK is no reason of a drop"],
  ["--node-name a/b/c", "a/b/c is no [CLUSTER/]NODE"],
  ["--since yesterday", "It is neither a duration"],
  ["--last some", "It is not a whole number"],
  ["--first 1 --last 1", "'--first <n>' cannot be used with option '--last <n>'"],
  ["--first 1 --follow", "'--first <n>' cannot be used with option '-f, --follow'"],
  ["--all --last 1", "'--all' cannot be used with option '--last <n>'"],
  ["--not", "option '--not' is followed by no filter"],
  ["--not --not --reply", "It stands twice before one filter"],
  ["--allowlist {", "It is not JSON"],
  ['--allowlist {"pot":[]}', 'Unrecognized key: "pot"'],
  ["-o xml", "Allowed choices are table, compact, dict, json, jsonpb, yaml"],
])("weir observe %s is bad usage", async (line, words) => {
  await using api = await observing();
  const argv = line.split(" ").map((word) => word.replaceAll("~", " "));
  const { exitCode, stdout, stderr } = await observe(api, ...argv);
  expect(stderr).toContain(words);
  expect([stdout, exitCode]).toEqual(["", 2]);
});

test("raw filters are what the agent is asked, and may be given back", async () => {
  await using api = await observing();
  const line = "--pod web --namespace shop --not --to-port 53 --not --reply -4 --print-raw-filters";
  const { stdout, exitCode } = await observe(api, ...line.split(" "));
  expect(stdout).toBe(
    'allowlist: {"pod":["shop/web"],"namespace":["shop"],"ip_version":["IPv4"]}\n' +
      'denylist: {"destination_port":["53"]}\ndenylist: {"reply":[true]}\n',
  );
  expect(exitCode).toBe(0);
  const raw = stdout.split("\n").filter(Boolean);
  const again = raw.flatMap((text) => [`--${text.slice(0, text.indexOf(":"))}`, text.slice(text.indexOf("{"))]);
  const found = await observe(api, "-o", "json", ...again);
  expect(namesOf(found.stdout)).toEqual(but("udp", "answer"));
});

test("compact is a line as Hubble's command line writes it", async () => {
  await using api = await observing();
  const { stdout } = await observe(api, "-o", "compact");
  expect(stdout.split("\n")).toEqual([
    "2026-01-31T12:00:00.000Z: shop/web-1:40000 (ID:20481) -> shop/db-0:5432 (ID:20482) policy-verdict EGRESS FORWARDED (TCP Flags: SYN)",
    "2026-01-31T12:00:01.000Z: shop/web-1:40000 (ID:20481) -> shop/db-0:5432 (ID:20482) policy-verdict INGRESS DROPPED (TCP Flags: SYN)",
    "2026-01-31T12:00:02.000Z: shop/web-1:40000 (ID:20481) -> shop/db-0:53 (ID:20482) policy-verdict EGRESS FORWARDED (UDP)",
    "2026-01-31T12:00:03.000Z: shop/web-1 (ID:20481) -> shop/db-0 (ID:20482) policy-verdict EGRESS FORWARDED (ICMP type 8)",
    "2026-01-31T12:00:04.000Z: shop/web-1:40000 (ID:20481) -> world 192.0.2.1:5432 (ID:2) policy-verdict EGRESS FORWARDED (TCP Flags: SYN)",
    "2026-01-31T12:00:05.000Z: shop/web-1:40000 (ID:20481) -> world 10.0.0.8:5432 (ID:2) drop EGRESS DROPPED (TCP Flags: SYN)",
    "2026-01-31T12:00:06.000Z: shop/web-1:40000 (ID:20481) <- shop/db-0:5432 (ID:20482) to-endpoint EGRESS FORWARDED (TCP Flags: SYN, ACK)",
    "",
  ]);
});

test("dict has a fact a line, yaml a document a flow, jsonpb Hubble's message", async () => {
  await using api = await observing();
  const { parseAllDocuments } = await import("yaml");
  const json = (await observe(api, "-o", "json")).stdout.split("\n").filter(Boolean);
  const flows = json.map((line) => JSON.parse(line) as Flow);
  const yaml = parseAllDocuments((await observe(api, "-o", "yaml")).stdout);
  expect(yaml.map((document) => document.toJS() as Flow)).toEqual(flows);
  const messages = (await observe(api, "-o", "jsonpb")).stdout.split("\n").filter(Boolean);
  const expected = flows.map((one) => {
    const { weir: _, ...flow } = one;
    return { flow, node_name: "n1", time: flow.time };
  });
  expect(messages.map((line) => JSON.parse(line) as object)).toEqual(expected);
  const dict = (await observe(api, "-o", "dict", "--type", "drop", "--verdict", "DROPPED", "--last", "1")).stdout;
  expect(dict.split("\n").map((line) => line.split(/  +/, 2))).toEqual([
    ["TIMESTAMP", "2026-01-31T12:00:05.000000000Z"],
    ["SOURCE", "shop/web-1:40000 (ID:20481)"],
    ["DESTINATION", "world 10.0.0.8:5432 (ID:2)"],
    ["TYPE", "drop"],
    ["DIRECTION", "EGRESS"],
    ["VERDICT", "DROPPED"],
    ["SUMMARY", "TCP Flags: SYN"],
    ["REASON", "the source address is not the sender's"],
    ["UUID", expect.any(String)],
    ["------------"],
    [""],
  ]);
});

test("nothing that matches is said beside the result, to people only", async () => {
  await using api = await observing();
  const none = await observe(api, "--pod", "web-1");
  expect([none.stdout, none.exitCode]).toEqual(["", 0]);
  expect(none.stderr).toBe(
    "weir: no flow that is kept matches; a name without a namespace is one of default: NAMESPACE/NAME\n",
  );
  expect(await observe(api, "--pod", "web-1", "-o", "json")).toMatchObject({ stdout: "", stderr: "", exitCode: 0 });
});
