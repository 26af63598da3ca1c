import type { FlowVerdict } from "#agent/api/flow.ts";
import type { RuleDescription } from "#agent/api/policy-views.ts";
import type { RequestContent, RequestRecord } from "#agent/proxy/request-record.ts";

/**
 * What is kept of a {@link RequestRecord} beside the event that stands for it: its texts come from pods and may be
 * anything, so they are cut. All of it takes at most some 2 KB.
 */
export interface KeptRequest {
  readonly verdict: FlowVerdict;
  readonly deniedBy: RequestRecord["deniedBy"];
  /** Those that allowed it: equal lists are one object. */
  readonly rules: readonly RuleDescription[];
  /** In ns; null: of a request. */
  readonly latency: number | null;
  readonly content: RequestContent;
}

/** Most characters of a text, and most texts of a list. */
const longest = { word: 64, url: 1024, name: 255, value: 128 } as const;
const most = { headers: 24, headerCharacters: 512, addresses: 12, names: 3, words: 8, rules: 16 } as const;

const verdicts = { forwarded: "FORWARDED", denied: "DROPPED", error: "ERROR" } as const;

/** Cuts records to what is kept of them, and has equal lists of rules once. */
export class RequestKeeper {
  readonly #rules = new Map<string, readonly RuleDescription[]>();
  /** Those of the record before: an answer has those of its request. */
  #latest: readonly RuleDescription[] = [];

  keep({ verdict, deniedBy, rules, latency, content }: RequestRecord): KeptRequest {
    return { verdict: verdicts[verdict], deniedBy, rules: this.#once(rules), latency, content: cutContent(content) };
  }

  #once(rules: readonly RuleDescription[]): readonly RuleDescription[] {
    const some = rules.slice(0, most.rules);
    if (areEqual(some, this.#latest)) return this.#latest;
    const key = JSON.stringify(some);
    let kept = this.#rules.get(key);
    // Rules come and go; what comes again is kept again.
    if (!kept && this.#rules.size >= 1024) this.#rules.clear();
    if (!kept) this.#rules.set(key, (kept = some));
    this.#latest = kept;
    return kept;
  }
}

function areEqual(some: readonly RuleDescription[], others: readonly RuleDescription[]): boolean {
  return (
    some.length === others.length &&
    some.every((one, i) => {
      const other = others[i] as RuleDescription;
      return (
        one.rule === other.rule &&
        one.name === other.name &&
        one.namespace === other.namespace &&
        one.kind === other.kind &&
        one.line === other.line &&
        one.file === other.file
      );
    })
  );
}

function cutContent(content: RequestContent): RequestContent {
  switch (content.family) {
    case "http": {
      const { method, url, headers, mismatches } = content;
      return {
        ...content,
        method: cut(method, longest.word),
        url: cut(url, longest.url),
        headers: cutHeaders(headers),
        ...(mismatches && { mismatches: cutList(mismatches, most.words, longest.word) }),
      };
    }
    case "dns": {
      const { query, qtypes, ips, cnames } = content;
      return {
        ...content,
        query: cut(query, longest.name),
        qtypes: cutList(qtypes, most.words, longest.word),
        ips: cutList(ips, most.addresses, longest.word),
        cnames: cutList(cnames, most.names, longest.name),
      };
    }
    case "tls": {
      const { serverName } = content;
      return { ...content, serverName: serverName === null ? null : cut(serverName, longest.name) };
    }
    case "kafka": {
      const { apiKey, clientId, topics } = content;
      return {
        ...content,
        apiKey: cut(apiKey, longest.word),
        clientId: cut(clientId, longest.value),
        topics: cutList(topics, most.words, longest.value),
      };
    }
  }
}

type Headers = Extract<RequestContent, { family: "http" }>["headers"];

function cutHeaders(headers: Headers): Headers {
  const kept: { key: string; value: string }[] = [];
  let left: number = most.headerCharacters;
  for (const header of headers.slice(0, most.headers)) {
    const [key, value] = [cut(header.key, longest.word), cut(header.value, longest.value)];
    left -= key.length + value.length;
    if (left < 0) break;
    kept.push({ key, value });
  }
  return kept;
}

function cutList(texts: readonly string[], count: number, length: number): string[] {
  return texts.slice(0, count).map((text) => cut(text, length));
}

/** Well-formed, because readers refuse what is not. A new text: a slice would keep the whole of what it is of. */
function cut(text: string, length: number): string {
  if (text.length <= length) return text.toWellFormed();
  return `${Buffer.from(text.slice(0, length - 3)).toString()}...`;
}

/** What a pod or a server has written. */
export function requestTexts({ content }: KeptRequest): readonly string[] {
  switch (content.family) {
    case "http":
      return [
        content.method,
        content.url,
        ...content.headers.flatMap(({ key, value }) => [key, value]),
        ...(content.mismatches ?? []),
      ];
    case "dns":
      return [content.query, ...content.qtypes, ...content.ips, ...content.cnames];
    case "tls":
      return content.serverName === null ? [] : [content.serverName];
    case "kafka":
      return [content.apiKey, content.clientId, ...content.topics];
  }
}

/** About the bytes of memory that one takes. */
export function requestSize(request: KeptRequest): number {
  return requestTexts(request).reduce((size, text) => size + 32 + text.length, 512);
}
