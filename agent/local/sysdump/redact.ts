/** What stands where something was taken out. */
export const redacted = "[redacted]";

/** Words by which a name tells that its value is nobody else's business; whatever else is in the name. */
const secretWords = [
  "token",
  "passw",
  "passphrase",
  "pwd",
  "secret",
  "credential",
  "authorization",
  "cookie",
  "bearer",
  "kubeconfig",
  "(?:api|access|private|client|signing|encryption|auth|shared|store|tls|ssh)[-_.]?key",
  "(?:certificate-authority|client-certificate|client-key)-data",
].join("|");

const isSecretName = new RegExp(`${secretWords}|(?:^|[^a-z])(?:auth|psk)(?:[^a-z]|$)`, "i");

/** In text; what a value is ends where the writer's own syntax ends it, or with the line. */
const patterns: readonly (readonly [RegExp, string])[] = [
  [/-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----[^]*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|$)/g, redacted],
  // The same, as kubeconfig and Secret objects have it: base64 of "-----BEGIN".
  [/LS0tLS1CRUdJTi[A-Za-z0-9+/=]*/g, redacted],
  // JSON Web Tokens. Their headers are short: without a bound, a text of many beginnings is read to its end for each.
  [/\beyJ[\w-]{8,2048}\.[\w-]+(?:\.[\w-]*)?/g, redacted],
  [/\b((?:proxy-)?authorization|(?:set-)?cookie)(["']?\s*[:=]\s*)[^\n]*/gi, `$1$2${redacted}`],
  [/\b(bearer|basic)(\s+)[\w+/=.~-]{6,}/gi, `$1$2${redacted}`],
  // https://user:password@host, https://token@host
  [/([a-z][a-z0-9+.-]{0,32}:\/\/)[^\s/@"']{1,1024}@/gi, `$1${redacted}@`],
  // --token abc
  [new RegExp(`(--[\\w-]{0,64}(?:${secretWords})[\\w-]{0,64}\\s+)[^\\s"']+`, "gi"), `$1${redacted}`],
  // "token": "abc", token='abc'
  [
    new RegExp(
      `((?:${secretWords})[\\w./-]{0,64}["']?[ \\t]*[=:][ \\t]*)(?:"(?:[^"\\\\\\n]|\\\\.)*"|'[^'\\n]*')`,
      "gi",
    ),
    `$1"${redacted}"`,
  ],
  // token: all of the rest
  [
    new RegExp(`((?:${secretWords})[\\w./-]{0,64}["']?[ \\t]*:[ \\t]+)(?!["']?\\[redacted\\])[^\\s][^\\n]*`, "gi"),
    `$1${redacted}`,
  ],
  // token=abc&..., k8s:token:abc
  [
    new RegExp(`((?:${secretWords})[\\w./-]{0,64}[ \\t]*[=:][ \\t]*)(?!["']?\\[redacted\\])[^\\s,;&"'}\\])]+`, "gi"),
    `$1${redacted}`,
  ],
];

/** Shorter ones would take out what is no secret: `true`, `admin`. */
const knownLength = 8;

/**
 * Takes secrets out of what is to be shown to others: what a name calls one, what looks like one, and
 * those that are known. What remains may name secrets, and say where they are.
 */
export class Redactor {
  readonly #known: string[] = [];

  /** Texts that are secrets wherever they stand. */
  know(secrets: Iterable<string>): void {
    for (const secret of secrets) if (secret.length >= knownLength) this.#known.push(secret);
    this.#known.sort((a, b) => b.length - a.length);
  }

  /** What a variable of an environment holds, where its name says that it is a secret. */
  knowEnvironment(variables: Readonly<Record<string, string | undefined>>): void {
    this.know(Object.entries(variables).flatMap(([name, value = ""]) => (isSecretName.test(name) ? [value] : [])));
  }

  /** Text without a syntax, or with one that is not known. */
  text(text: string): string {
    let result = text;
    for (const secret of this.#known) result = result.replaceAll(secret, redacted);
    for (const [pattern, replacement] of patterns) result = result.replaceAll(pattern, replacement);
    return result;
  }

  /** Values of JSON, by the names that they have. */
  value(value: unknown): unknown {
    if (typeof value === "string") return value.includes("\n") ? this.lines(value) : this.text(value);
    if (Array.isArray(value)) return value.map((item) => this.value(item));
    if (typeof value !== "object" || value === null) return value;
    const named = Object.entries(value).some(
      ([name, of]) => (name === "name" || name === "key") && typeof of === "string" && isSecretName.test(of),
    );
    const isHidden = (name: string): boolean =>
      isSecretName.test(name) || (named && (name === "value" || name === "values" || name === "start"));
    const entries = Object.entries(value).map(([name, of]): [string, unknown] => {
      return [this.text(name), isHidden(name) ? hide(of) : this.value(of)];
    });
    return Object.fromEntries(entries);
  }

  /** Lines, each JSON or plain; or YAML, where a value may stand in the lines below its name. */
  lines(text: string): string {
    const lines: string[] = [];
    /** Lines that are indented more than this belong to a value that is not to be seen. */
    let hidden: number | null = null;
    /** Of `name: token`, whose value comes soon. */
    let named = false;
    for (const line of this.text(text).split("\n")) {
      const indent = line.search(/[^\s-]/);
      if (hidden !== null && (indent > hidden || line.trim() === "")) continue;
      hidden = null;
      const [, name = "", rest = ""] =
        /^[\s-]{0,256}["']?([\w./-]{1,256})["']?[ \t]{0,16}:[ \t]{0,16}(.*)$/.exec(line) ?? [];
      const isOpen = /^(?:[|>][-+0-9]*)?\s*(?:#.*)?$/.test(rest);
      if (isSecretName.test(name) || (named && /^values?$/.test(name))) {
        if (isOpen || rest === redacted) hidden = indent;
        lines.push(`${line.slice(0, line.length - rest.length)}${redacted}`);
        continue;
      }
      if (/^(?:name|key)$/.test(name)) named = isSecretName.test(rest);
      lines.push(this.#line(line));
    }
    return lines.join("\n");
  }

  #line(line: string): string {
    if (!line.startsWith("{")) return line;
    try {
      return JSON.stringify(this.value(JSON.parse(line)));
    } catch {
      return line; // cut short, or no JSON: what the patterns have made of it
    }
  }
}

function hide(value: unknown): unknown {
  return value === null || typeof value === "boolean" ? value : redacted;
}
