import { refusal } from "./refusal.ts";

/** A label of a flow: `k8s:app=web`. */
export interface Label {
  /** `k8s`, `reserved`; empty where the text has none. */
  readonly source: string;
  readonly key: string;
  readonly value: string;
}

type Operator = "exists" | "not-exists" | "in" | "not-in" | "greater" | "less";

interface Requirement {
  /** Empty: of any source. */
  readonly source: string;
  readonly key: string;
  readonly operator: Operator;
  readonly values: ReadonlySet<string>;
}

const comparisons: ReadonlyMap<string | undefined, Operator> = new Map([
  ["=", "in"],
  ["==", "in"],
  ["!=", "not-in"],
  [">", "greater"],
  ["<", "less"],
]);

const token = /\s*(==|!=|[=!<>(),]|[^\s=!<>(),]+)/y;

export function parseLabel(text: string): Label {
  const equals = text.indexOf("=");
  const name = equals === -1 ? text : text.slice(0, equals);
  const colon = name.indexOf(":");
  return {
    source: name.slice(0, Math.max(colon, 0)),
    key: name.slice(colon + 1),
    value: equals === -1 ? "" : text.slice(equals + 1),
  };
}

/**
 * The test that a selector in the syntax of `kubectl -l` stands for: `k8s:app=web, tier in (a, b), !x`. A key
 * may have a source before a colon; without one, or with `any`, all sources are looked at.
 *
 * @throws ApiError `bad-request`, naming the field, when it is none.
 */
export function labelSelector(field: string, text: string): (labels: readonly Label[]) => boolean {
  const requirements = new SelectorParser(field, text).parse();
  return (labels) => requirements.every((requirement) => holds(requirement, labels));
}

/** As Kubernetes has it: what says no also holds where the label is missing. */
function holds({ source, key, operator, values }: Requirement, labels: readonly Label[]): boolean {
  const found = labels.filter((label) => label.key === key && (source === "" || label.source === source));
  const test = (compare: (value: string) => boolean): boolean => found.some(({ value }) => compare(value));
  const [bound = ""] = values;
  switch (operator) {
    case "exists":
      return found.length > 0;
    case "not-exists":
      return found.length === 0;
    case "in":
      return test((value) => values.has(value));
    case "not-in":
      return !test((value) => values.has(value));
    case "greater":
      return test((value) => isWhole(value) && BigInt(value) > BigInt(bound));
    case "less":
      return test((value) => isWhole(value) && BigInt(value) < BigInt(bound));
  }
}

function isWhole(text: string): boolean {
  return /^-?\d{1,18}$/.test(text);
}

class SelectorParser {
  readonly #field: string;
  readonly #text: string;
  readonly #tokens: readonly string[];
  #next = 0;

  constructor(field: string, text: string) {
    this.#field = field;
    this.#text = text;
    this.#tokens = [...text.matchAll(new RegExp(token, "g"))].map(([, part = ""]) => part);
  }

  parse(): readonly Requirement[] {
    const requirements: Requirement[] = [];
    if (this.#tokens.length === 0) return requirements;
    for (;;) {
      requirements.push(this.#requirement());
      if (this.#next === this.#tokens.length) return requirements;
      if (this.#take() !== ",") throw this.#refuse();
    }
  }

  #requirement(): Requirement {
    const isNegated = this.#peek() === "!";
    if (isNegated) this.#next++;
    const name = this.#key();
    const following = this.#peek();
    if (isNegated || following === undefined || following === ",") {
      return { ...name, operator: isNegated ? "not-exists" : "exists", values: new Set() };
    }
    this.#next++;
    if (following === "in" || following === "notin") {
      return { ...name, operator: following === "in" ? "in" : "not-in", values: this.#list() };
    }
    const operator = comparisons.get(following);
    if (operator === undefined) throw this.#refuse();
    const value = this.#value();
    if ((operator === "greater" || operator === "less") && !isWhole(value)) throw this.#refuse();
    return { ...name, operator, values: new Set([value]) };
  }

  #key(): { readonly source: string; readonly key: string } {
    const text = this.#take();
    if (text === undefined || isSymbol(text)) throw this.#refuse();
    const { source, key } = parseLabel(text);
    if (key === "" || key.includes(":")) throw this.#refuse();
    return { source: source === "any" ? "" : source, key };
  }

  #list(): ReadonlySet<string> {
    if (this.#take() !== "(") throw this.#refuse();
    const values = new Set<string>();
    for (;;) {
      values.add(this.#value());
      const end = this.#take();
      if (end === ")") return values;
      if (end !== ",") throw this.#refuse();
    }
  }

  /** A value may be empty. */
  #value(): string {
    const text = this.#peek();
    if (text === undefined || isSymbol(text)) return "";
    this.#next++;
    return text;
  }

  #peek(): string | undefined {
    return this.#tokens[this.#next];
  }

  #take(): string | undefined {
    return this.#tokens[this.#next++];
  }

  #refuse(): Error {
    return refusal(this.#field, `${this.#text} is no label selector`);
  }
}

function isSymbol(text: string): boolean {
  return /^[=!<>(),]/.test(text);
}
