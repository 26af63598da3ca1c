import type { Outcome } from "#agent/ui/frame.ts";
import { byId, setText } from "./dom.ts";

const fields = ["verdict", "namespace", "pod", "protocol", "port", "text"] as const;

/** What was chosen on the map: one end, or what goes between two. */
export interface Selection {
  readonly parties: readonly string[];
  readonly outcome: Outcome | null;
}

/** Which flows are shown. The address has all of it, so that it can be passed on. */
export class Filters {
  readonly #form = byId("filters", HTMLFormElement);
  readonly #chosen = byId("selection", HTMLButtonElement);
  readonly #changed: () => void;
  #selection: Selection = { parties: [], outcome: null };
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param changed is called when other flows are wanted. */
  constructor(changed: () => void) {
    this.#changed = changed;
    this.#read();
    this.#form.addEventListener("input", () => this.#later(300));
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#later(0);
    });
    // The fields are empty only after this event.
    this.#form.addEventListener("reset", () => {
      this.#selection = { parties: [], outcome: null };
      this.#later(0);
    });
    this.#chosen.addEventListener("click", () => this.select({ parties: [], outcome: null }));
    addEventListener("hashchange", () => {
      this.#read();
      this.#changed();
    });
  }

  get selection(): Selection {
    return this.#selection;
  }

  select(selection: Selection): void {
    this.#selection = selection;
    this.#later(0);
  }

  /** As the agent takes it. */
  get query(): URLSearchParams {
    const query = new URLSearchParams();
    const data = new FormData(this.#form);
    for (const field of fields) {
      const value = data.get(field);
      if (typeof value === "string" && value.trim() !== "") query.set(field, value.trim());
    }
    for (const party of this.#selection.parties) query.append("party", party);
    if (this.#selection.outcome) query.set("outcome", this.#selection.outcome);
    return query;
  }

  /** What was last asked for goes without being seen: the hash is written, not the history. */
  #later(wait: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      const query = String(this.query);
      if (query === location.hash.slice(1)) return;
      history.replaceState(null, "", query === "" ? location.pathname : `#${query}`);
      this.#show();
      this.#changed();
    }, wait);
  }

  #read(): void {
    const query = new URLSearchParams(location.hash.slice(1));
    for (const field of fields) {
      const input = this.#form.elements.namedItem(field) as HTMLInputElement | HTMLSelectElement;
      input.value = query.get(field) ?? "";
    }
    const outcome = query.get("outcome");
    const isOutcome = outcome === "allowed" || outcome === "denied" || outcome === "audited";
    this.#selection = { parties: query.getAll("party").slice(0, 2), outcome: isOutcome ? outcome : null };
    this.#show();
  }

  #show(): void {
    const { parties, outcome } = this.#selection;
    this.#chosen.hidden = parties.length === 0;
    const what = outcome === null ? "" : `${outcome} `;
    setText(this.#chosen, `${what}${parties.length === 1 ? "of" : "between"} ${parties.join(" and ")} ✕`);
    this.#chosen.title = "Show flows of everybody again (Escape)";
  }
}
