import type { Flow } from "#agent/api/flow.ts";
import { byId, element, movedFocus, setText } from "./dom.ts";
import { endsOf, outcomeOf, serviceText, signs, timeText, whyText } from "./flow-words.ts";

/** Rows that there can be. */
const most = 100;

/**
 * The newest flows, newest first. While somebody looks closely, because the pointer is over a row
 * or a row has the focus, the rows stand still; what comes meanwhile is shown afterwards.
 */
export class FlowTable {
  readonly #body = byId("flows", HTMLTableElement).tBodies[0] as HTMLTableSectionElement;
  readonly #flows = new WeakMap<Element, Flow>();
  readonly #open: (flow: Flow) => void;
  #waiting: Flow[] = [];
  #isPaused = false;

  constructor(open: (flow: Flow) => void) {
    this.#open = open;
    this.#body.addEventListener("click", ({ target }) => this.#choose(target));
    this.#body.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") {
        event.preventDefault();
        this.#choose(event.target);
        return;
      }
      const row = movedFocus(event, [...this.#body.rows]);
      if (row) this.#focus(row);
    });
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  set isPaused(isPaused: boolean) {
    this.#isPaused = isPaused;
    this.show();
  }

  /** Whether rows stand still because somebody looks closely. */
  get isHeld(): boolean {
    return this.#body.matches(":hover") || this.#body.contains(document.activeElement);
  }

  clear(): void {
    this.#waiting = [];
    this.#body.replaceChildren();
  }

  /** @param flows oldest first. */
  add(flows: readonly Flow[]): void {
    this.#waiting = [...this.#waiting, ...flows].slice(-most);
    this.show();
  }

  /** Brings in what waits, unless rows shall stand still. */
  show(): void {
    if (this.#isPaused || this.isHeld || this.#waiting.length === 0) return;
    for (const flow of this.#waiting) {
      // The oldest row becomes the newest: elements are not made anew.
      const old = this.#body.rows.length >= most ? (this.#body.rows[most - 1] ?? null) : null;
      this.#body.prepend(this.#fill(old ?? emptyRow(), flow));
    }
    this.#waiting = [];
    this.#setStop(this.#body.rows[0]);
  }

  /** The row of a flow that is shown still. */
  focusOn(flow: Flow): void {
    const row = [...this.#body.rows].find((one) => this.#flows.get(one)?.uuid === flow.uuid);
    if (row) this.#focus(row);
  }

  markOpen(flow: Flow | null): void {
    for (const row of this.#body.rows) mark(row, flow !== null && this.#flows.get(row)?.uuid === flow.uuid);
  }

  #fill(row: HTMLTableRowElement, flow: Flow): HTMLTableRowElement {
    this.#flows.set(row, flow);
    const outcome = outcomeOf[flow.verdict];
    const { from, to } = endsOf(flow);
    const texts = [timeText(flow), `${signs[outcome]} ${outcome}`, from, to, serviceText(flow), whyText(flow)];
    for (const [i, text] of texts.entries()) if (row.cells[i]) setText(row.cells[i], text);
    if (row.className !== outcome) row.className = outcome;
    mark(row, false);
    row.tabIndex = -1;
    return row;
  }

  #choose(target: EventTarget | null): void {
    const row = target instanceof Element ? target.closest("tr") : null;
    const flow = row ? this.#flows.get(row) : undefined;
    if (row && flow) {
      this.#setStop(row);
      this.#open(flow);
    }
  }

  #focus(row: HTMLTableRowElement): void {
    this.#setStop(row);
    row.focus();
  }

  /** One stop for Tab in the whole table. */
  #setStop(row: HTMLTableRowElement | undefined): void {
    for (const other of this.#body.querySelectorAll<HTMLTableRowElement>("tr[tabindex='0']")) other.tabIndex = -1;
    if (row) row.tabIndex = 0;
  }
}

function emptyRow(): HTMLTableRowElement {
  return element("tr", {}, ...Array.from({ length: 6 }, () => element("td")));
}

function mark(row: HTMLTableRowElement, isOpen: boolean): void {
  if (isOpen) row.setAttribute("aria-current", "true");
  else if (row.hasAttribute("aria-current")) row.removeAttribute("aria-current");
}
