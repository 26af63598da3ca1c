import type { L7Request, RequestRule } from "#policy/l7/request.ts";
import type { HeaderMatch, HttpRule, NameMatch } from "#policy/model/l7.ts";
import type { Random } from "./random.ts";

/** Few words, so that rules and requests meet. */
const METHODS = ["GET", "POST", "PUT", "CONNECT", "get"] as const;
const SEGMENTS = ["a", "b", "api", "orders", "a.b", "x-y"] as const;
const LABELS = ["a", "b", "xa", "shop", "x-1"] as const;
const HEADERS = ["X-A", "x-b", "Host"] as const;
const VALUES = ["1", "2", "a.test"] as const;

export function randomRequestRule(random: Random): RequestRule {
  const family = random.pick(["http", "http", "dns", "tls"] as const);
  if (family === "tls") return { l7: null, serverNames: random.list(1, 3, () => randomPattern(random)) };
  if (family === "dns")
    return { l7: { family, rules: random.list(1, 3, () => randomNameMatch(random)) }, serverNames: [] };
  return { l7: { family, rules: random.list(1, 3, () => randomHttpRule(random)) }, serverNames: [] };
}

export function randomRequest(random: Random): L7Request {
  const family = random.pick(["http", "http", "dns", "tls"] as const);
  const name = random.chance(0.1) ? `${randomName(random).toUpperCase()}.` : randomName(random);
  if (family === "dns") return { family, name };
  if (family === "tls") return { family, serverName: random.chance(0.1) ? null : name };
  const method = random.pick(METHODS);
  const path = `/${random.list(0, 3, () => random.pick(SEGMENTS)).join("/")}`;
  const query = random.chance(0.2) ? random.pick(["?", "?a", "?q=/api/a"]) : "";
  return {
    family,
    method,
    host: random.chance(0.1) ? "" : `${random.chance(0.2) ? name.toUpperCase() : name}${random.pick(["", "", ":80"])}`,
    path: method === "CONNECT" ? "" : path + query,
    headers: random.list(0, 3, () => ({ name: random.pick(HEADERS.slice(0, 2)), value: random.pick(VALUES) })),
  };
}

function randomHttpRule(random: Random): HttpRule {
  const some = (make: () => string): string | null => (random.chance(0.5) ? make() : null);
  return {
    method: some(() => random.pick(["GET", "GET|POST", "[A-Z]+", "CONNECT", ".*", "P(OS|U)T"])),
    path: some(() => randomPath(random)),
    host: some(() => randomHost(random)),
    headers: random.chance(0.2) ? [random.pick(["X-A", "x-b: 1", "X-B: 2", "host: a.test"])] : [],
    headerMatches: random.chance(0.2) ? [randomHeaderMatch(random)] : [],
  };
}

function randomHeaderMatch(random: Random): HeaderMatch {
  const mismatch = random.pick([null, null, "LOG", "REPLACE", "DELETE", "ADD"] as const);
  return { name: random.pick(["X-A", "x-b"]), value: random.pick([null, ...VALUES]), mismatch };
}

/** Expressions that RE2 and JavaScript read alike. */
function randomPath(random: Random): string {
  const atom = (): string =>
    random.pick([...SEGMENTS, "a\\.b", "[a-z]+", ".*", "(a|api)", "[^/]+", "a?", "(b|)", "x-[xy]"]);
  const parts = random.list(0, 3, atom).join("/");
  return `${random.pick(["/", "/", "^/", ""])}${parts}${random.pick(["", "", "$", "(/.*)?", "(\\?.*)?", "|/a"])}`;
}

function randomHost(random: Random): string {
  const label = (): string => random.pick([...LABELS, ".*", "[a-z]+", "(a|b)", "A"]);
  return `${random.list(1, 3, label).join("\\.")}${random.pick(["", "", ":80"])}`;
}

function randomNameMatch(random: Random): NameMatch {
  if (random.chance(0.3)) return { kind: "name", name: randomName(random) };
  return { kind: "pattern", pattern: randomPattern(random) };
}

function randomPattern(random: Random): string {
  if (random.chance(0.1)) return "*";
  const label = (): string => random.pick([...LABELS, "*", "*a", "x-*", "s*p"]);
  return `${random.pick(["", "", "**."])}${random.list(1, 3, label).join(".")}`;
}

function randomName(random: Random): string {
  return random.list(1, 3, () => random.pick(LABELS)).join(".");
}
