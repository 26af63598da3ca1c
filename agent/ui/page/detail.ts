import type { Flow } from "#agent/api/flow.ts";
import type { PolicyDescription, RuleDescription } from "#agent/api/policy-views.ts";
import type { PolicyObjectText } from "#agent/api/what-if-views.ts";
import { get } from "./agent.ts";
import { byId, element } from "./dom.ts";
import {
  endsOf,
  outcomeOf,
  placeText,
  policyName,
  reasonText,
  ruleName,
  serviceText,
  signs,
  timeText,
} from "./flow-words.ts";
import { WhatIf } from "./what-if.ts";

/** A policy's text, and whose rules of it are spoken of. */
interface Text extends PolicyObjectText {
  readonly name: string;
  readonly lines: readonly number[];
}

/** Policies whose text is shown. */
const mostTexts = 3;

/** All about one flow: the rules, their text, and what another policy would change. */
export class Detail {
  readonly #panel = byId("detail");
  readonly #closed: (flow: Flow) => void;
  #flow: Flow | null = null;
  #ask = new AbortController();

  /** @param closed is told of the flow whose panel is gone. */
  constructor(closed: (flow: Flow) => void) {
    this.#closed = closed;
  }

  open(flow: Flow): void {
    this.#ask.abort();
    this.#ask = new AbortController();
    this.#flow = flow;
    const close = element("button", { type: "button", class: "close", "aria-label": "Close (Escape)" }, "✕");
    close.addEventListener("click", () => this.close());
    const title = element("h2", { id: "detail-title", tabindex: -1 }, titleOf(flow));
    const texts = element("div", { class: "texts" });
    this.#panel.replaceChildren(element("div", { class: "head" }, title, close), facts(flow), texts);
    if (outcomeOf[flow.verdict] !== "allowed") {
      const whatIf = new WhatIf(flow, this.#ask.signal);
      this.#panel.append(whatIf.node);
      void this.#showTexts(flow, texts, whatIf);
    } else {
      void this.#showTexts(flow, texts, null);
    }
    this.#panel.hidden = false;
    document.body.classList.add("has-detail");
    title.focus();
  }

  /** False: it was closed already. */
  close(): boolean {
    if (this.#flow === null) return false;
    const flow = this.#flow;
    this.#flow = null;
    this.#ask.abort();
    this.#panel.hidden = true;
    this.#panel.replaceChildren();
    document.body.classList.remove("has-detail");
    this.#closed(flow);
    return true;
  }

  async #showTexts(flow: Flow, place: HTMLElement, whatIf: WhatIf | null): Promise<void> {
    const { signal } = this.#ask;
    const texts: Text[] = [];
    for (const [name, rules] of objectsOf(flow)) {
      try {
        const text = await get<PolicyObjectText>("/v1/policies/text", { name });
        // Of an object whose rules are spoken of, its beginning says nothing.
        const spoken = rules.filter((one) => "rule" in one);
        texts.push({ ...text, name, lines: (spoken.length > 0 ? spoken : rules).flatMap(({ line }) => line ?? []) });
      } catch (error) {
        if (signal.aborted) return;
        // Gone since, or of somebody who keeps no text.
        place.append(element("p", { class: "remark" }, `${name}: ${error instanceof Error ? error.message : ""}`));
      }
      if (signal.aborted) return;
    }
    place.append(...texts.map((text, i) => textBlock(text, i === 0)));
    // Only the box of the text is scrolled, not the panel around it.
    for (const code of place.querySelectorAll("pre")) {
      const meant = code.querySelector<HTMLElement>(".meant");
      if (meant) code.scrollTop = meant.offsetTop - code.offsetTop - 3 * meant.offsetHeight;
    }
    await whatIf?.begin(texts);
  }
}

function titleOf(flow: Flow): string {
  const outcome = outcomeOf[flow.verdict];
  return `${signs[outcome]} ${outcome}: ${serviceText(flow)}`;
}

function facts(flow: Flow): HTMLElement {
  const { from, to } = endsOf(flow);
  const { weir, source, destination, node_name } = flow;
  const [sender, receiver] = flow.is_reply ? [destination, source] : [source, destination];
  const list = element("dl");
  const add = (name: string, ...values: readonly (string | HTMLElement)[]): void => {
    if (values.length > 0) list.append(element("dt", {}, name), ...values.map((value) => element("dd", {}, value)));
  };
  add("From", from);
  add("", sender.labels.join(" ") || "no labels");
  add("To", to);
  add("", receiver.labels.join(" ") || "no labels");
  add("Seen", `${timeText(flow)} UTC on ${node_name}, policy generation ${weir.generation}`);
  add("Why", reasonText(flow));
  add("Rules", ...weir.rules.map((rule) => ruleLine(rule)));
  const { isolatedBy, isolatedByMore = 0 } = weir;
  if (isolatedBy?.length === 0) add("Isolated by", "enforcement, which is always");
  else if (isolatedBy) {
    const more = isolatedByMore > 0 ? [`and ${isolatedByMore} more`] : [];
    add("Isolated by", ...isolatedBy.map((policy) => placeLine(policyName(policy), policy)), ...more);
  }
  if (weir.nearest) add("Nearest", ruleLine(weir.nearest, weir.nearest.because));
  return list;
}

function ruleLine(rule: RuleDescription, because?: string): HTMLElement {
  return placeLine(ruleName(rule), rule, because);
}

function placeLine(name: string, policy: PolicyDescription, because?: string): HTMLElement {
  const place = element("span", { class: "place" }, placeText(policy));
  return element("span", {}, `${name} `, place, because === undefined ? "" : ` ${because}`);
}

/** The objects that a flow's rules stand in, by name, those that decided first. */
function objectsOf({ weir }: Flow): [name: string, rules: readonly PolicyDescription[]][] {
  const rules = [...weir.rules, ...(weir.nearest ? [weir.nearest] : []), ...(weir.isolatedBy ?? [])];
  const named = Map.groupBy(rules, ({ kind, namespace, name }) => `${kind}/${namespace}/${name}`);
  return [...named].slice(0, mostTexts);
}

function textBlock({ name, file, line, text, lines }: Text, isOpen: boolean): HTMLElement {
  const code = element("pre", { tabindex: 0, "aria-label": `text of ${name}` });
  for (const [i, content] of text.trimEnd().split("\n").entries()) {
    const number = line + i;
    const isMeant = lines.includes(number);
    const row = element("span", { class: isMeant ? "line meant" : "line" });
    row.append(element("span", { class: "number" }, String(number)), content);
    if (isMeant) row.setAttribute("aria-current", "true");
    code.append(row);
  }
  return element("details", { open: isOpen }, element("summary", {}, `${name}, ${file}`), code);
}
