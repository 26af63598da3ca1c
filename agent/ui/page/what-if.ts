import type { Flow } from "#agent/api/flow.ts";
import type { RuleDescription } from "#agent/api/policy-views.ts";
import type { PolicyDiff, PolicyObjectText, Suggestion, TrafficChange } from "#agent/api/what-if-views.ts";
import { AgentError, ask } from "./agent.ts";
import { element } from "./dom.ts";
import { placeText, ruleName } from "./flow-words.ts";

/** What errors call the text. */
const file = "candidate.yaml";
/** Changes that are shown. */
const most = 50;

/** A policy that is not in force, and what it would change. */
export class WhatIf {
  readonly node = element("section", { class: "what-if", "aria-labelledby": "what-if-title" });
  readonly #flow: Flow;
  readonly #signal: AbortSignal;
  readonly #text = element("textarea", { id: "candidate", rows: 14, spellcheck: "false", autocomplete: "off" });
  readonly #starts = element("div", { class: "buttons" });
  readonly #ask = element("button", { type: "button", class: "main" }, "What would change");
  readonly #result = element("div", { class: "result", role: "status" });

  /** @param signal ends what is being asked. */
  constructor(flow: Flow, signal: AbortSignal) {
    this.#flow = flow;
    this.#signal = signal;
    this.node.append(
      element("h3", { id: "what-if-title" }, "What would a policy change?"),
      element(
        "label",
        { for: "candidate" },
        "Policies in YAML. Those of the same name are replaced, others stand beside what is in force. Nothing is applied.",
      ),
      this.#starts,
      this.#text,
      element("div", { class: "buttons" }, this.#ask, element("span", { class: "remark" }, "or Ctrl+Enter")),
      this.#result,
    );
    this.#ask.addEventListener("click", () => void this.#compare());
    this.#text.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) void this.#compare();
    });
  }

  /** @param texts of the policies that the flow's rules stand in. */
  async begin(texts: readonly (PolicyObjectText & { readonly name: string })[]): Promise<void> {
    for (const { name, text } of texts) this.#offer(`Begin with ${name}`, text);
    // Where a rule denies, nothing that is added beside it allows.
    const [first] = texts;
    if (this.#flow.weir.rules.length > 0 && first) {
      this.#put(first.text);
      return;
    }
    try {
      const { yaml, remarks } = await ask<Suggestion>("/v1/policies/suggest", { flow: this.#flow }, this.#signal);
      const text = yaml === "" ? remarks.map((remark) => `# ${remark}\n`).join("") : yaml;
      this.#offer("Begin with a suggestion", text);
      this.#put(text);
    } catch (error) {
      if (!this.#signal.aborted) this.#fail(error);
    }
  }

  #offer(name: string, text: string): void {
    const button = element("button", { type: "button" }, name);
    button.addEventListener("click", () => {
      this.#text.value = text;
      this.#text.focus();
    });
    this.#starts.append(button);
  }

  /** What somebody has written already stays. */
  #put(text: string): void {
    if (this.#text.value === "") this.#text.value = text;
  }

  async #compare(): Promise<void> {
    // Not `disabled`: the button would lose the focus.
    if (this.#ask.ariaDisabled === "true") return;
    this.#ask.ariaDisabled = "true";
    this.#result.replaceChildren("comparing …");
    try {
      const candidate = { text: this.#text.value, file };
      const diff = await ask<PolicyDiff>("/v1/policies/diff", { candidate }, this.#signal);
      this.#result.replaceChildren(...diffNodes(diff));
    } catch (error) {
      if (!this.#signal.aborted) this.#fail(error);
    } finally {
      this.#ask.ariaDisabled = "false";
    }
  }

  #fail(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    const lines = error instanceof AgentError ? error.details.split("\n").filter((line) => line !== "") : [];
    const list = element("ul", { class: "errors" }, ...lines.map((line) => element("li", {}, this.#errorNode(line))));
    this.#result.replaceChildren(element("p", { class: "failed" }, `✕ ${message}`), list);
  }

  /** An error with its place leads there. */
  #errorNode(text: string): HTMLElement {
    const match = /^candidate\.yaml:(\d+):(\d+): (.*)$/.exec(text);
    if (!match) return element("span", {}, text);
    const [, line = "1", column = "1", what = ""] = match;
    const button = element("button", { type: "button", class: "link" }, `${line}:${column}`);
    button.addEventListener("click", () => {
      const before = this.#text.value.split("\n").slice(0, Number(line) - 1);
      const at = before.join("\n").length + (before.length > 0 ? 1 : 0) + Number(column) - 1;
      this.#text.focus();
      this.#text.setSelectionRange(at, at + 1);
    });
    return element("span", {}, button, ` ${what}`);
  }
}

function diffNodes({ changes, classes, isComplete }: PolicyDiff): HTMLElement[] {
  const looked = `${classes.toLocaleString("en")} classes of traffic${isComplete ? "" : "; DNS names overlap in more ways than were looked at"}`;
  const count = changes.length === 1 ? "1 change" : `${changes.length} changes`;
  const summary = changes.length === 0 ? `Nothing changes in ${looked}.` : `${count} in ${looked}.`;
  const list = element("ul", { class: "changes" }, ...changes.slice(0, most).map(changeNode));
  const more = changes.length - most;
  return [
    element("p", {}, summary),
    list,
    ...(more > 0 ? [element("p", { class: "remark" }, `and ${more} more; weir policy diff shows all`)] : []),
  ];
}

const words = { allow: "✓ allow", deny: "✕ deny", redirect: "proxy" } as const;

function changeNode({
  before,
  after,
  source,
  destination,
  protocol,
  ports,
  example,
  by,
  nearest,
}: TrafficChange): HTMLElement {
  const traffic = ports === "any" ? (protocol === "any" ? "any traffic" : protocol) : `${protocol} ${ports}`;
  const line = (name: string, text: string): HTMLElement[] => [element("dt", {}, name), element("dd", {}, text)];
  const rules = (list: readonly RuleDescription[], verdict: TrafficChange["before"]): string =>
    list.map((rule) => `${ruleName(rule)} (${placeText(rule)})`).join(", ") ||
    (verdict === "deny" ? "no rule allows it" : "no policy applies");
  const facts = element(
    "dl",
    {},
    ...line("from", source.description),
    ...line("to", destination.description),
    ...line("before", rules(by.before, before)),
    ...line("after", rules(by.after, after)),
    ...(nearest ? line("nearest", `${ruleName(nearest)} (${placeText(nearest)}): ${nearest.because}`) : []),
    ...(example ? line("example", `${example.from} → ${example.to} ${example.protocol} ${example.port}`) : []),
  );
  const verdicts = element(
    "strong",
    {},
    element("span", { class: before }, words[before]),
    " → ",
    element("span", { class: after }, words[after]),
  );
  return element("li", {}, verdicts, ` ${traffic}`, facts);
}
