import type { LiveFrame, MapEdge, MapParty } from "#agent/ui/frame.ts";
import { byId, movedFocus, setText, shape } from "./dom.ts";
import type { Selection } from "./filters.ts";
import { signs } from "./flow-words.ts";
import { MapLayout } from "./map-layout.ts";
import { box, cornerOf, freePlace, lineBetween, type Point, sizeOf } from "./map-lines.ts";
import { Rate, rateText } from "./rates.ts";

interface Line {
  readonly group: SVGGElement;
  readonly label: SVGTextElement;
  readonly services: SVGTextElement;
  readonly place: Point;
  rate: Rate;
  edge: MapEdge;
}

/** Letters that a box has room for, unless they are wide. */
const longest = 20;

/** The map: boxes are drawn once and stay where they are; lines change their words. */
export class ServiceMap {
  readonly #box = byId("map-box");
  readonly #svg = shape("svg", { role: "group", "aria-labelledby": "map-title" });
  readonly #edges = shape("g");
  readonly #nodes = shape("g");
  readonly #layout = new MapLayout();
  readonly #parties = new Map<string, SVGGElement>();
  readonly #lines = new Map<string, Line>();
  readonly #select: (selection: Selection) => void;
  /** A line has no words yet. */
  #hasNews = false;
  #width = 0;
  /** How far lines and their words reach. */
  #right = 0;

  constructor(select: (selection: Selection) => void) {
    this.#select = select;
    this.#svg.append(markers(), this.#edges, this.#nodes);
    this.#svg.addEventListener("keydown", (event) => this.#key(event));
    this.#svg.addEventListener("click", (event) => this.#choose(event.target));
    this.#svg.addEventListener("focusin", (event) => this.#stop(event.target));
    this.#svg.setAttribute("hidden", "");
    this.#box.append(this.#svg);
  }

  /** Begins anew with what a stream says first; boxes keep their places, and lines that are there still, theirs. */
  begin({ edges }: LiveFrame): void {
    const kept = new Set(edges.map(keyOf));
    for (const [key, line] of this.#lines) {
      line.rate = new Rate();
      this.#hasNews = true;
      if (kept.has(key)) continue;
      const hadFocus = line.group.contains(document.activeElement);
      line.group.remove();
      this.#lines.delete(key);
      if (hadFocus) this.#parties.get(line.edge.from)?.focus();
    }
  }

  apply({ parties, edges }: LiveFrame, now: number): void {
    const newcomers = parties.filter(({ id }) => !this.#parties.has(id));
    this.#layout.add(
      newcomers.map(({ id }) => id),
      [...[...this.#lines.values()].map(({ edge }) => edge), ...edges],
    );
    for (const party of newcomers) this.#addBox(party);
    // Straight ones first: words of the others have more places.
    const slope = ({ from, to }: MapEdge): number =>
      Math.abs((this.#layout.get(from)?.row ?? 0) - (this.#layout.get(to)?.row ?? 0));
    for (const edge of edges.toSorted((a, b) => slope(a) - slope(b))) this.#setLine(edge, now);
    if (newcomers.length > 0 || this.#right > this.#width) this.#resize();
    if (this.#hasNews) this.tick(now);
  }

  /** Says how many flows there are by now. To be called once a second: nobody reads faster, and each time all is drawn. */
  tick(now: number): void {
    this.#hasNews = false;
    for (const { group, label, services, rate, edge } of this.#lines.values()) {
      const speed = rateText(rate.at(now));
      const count = edge.flows.toLocaleString("en");
      setText(label, `${signs[edge.outcome]} ${count}${speed === "" ? "" : ` · ${speed}`}`);
      setText(services, servicesText(edge));
      const name = `${edge.from} to ${edge.to}, ${edge.outcome}, ${count} flows${speed === "" ? "" : `, ${speed}`}, ${edge.services.join(", ")}`;
      if (group.getAttribute("aria-label") !== name) group.setAttribute("aria-label", name);
    }
  }

  showSelection({ parties, outcome }: Selection): void {
    const isOn = (group: Element): boolean => {
      const { party, from, to, outcome: own } = (group as SVGGElement).dataset;
      if (party !== undefined) return parties.includes(party);
      return parties.length === 2 && parties.includes(from ?? "") && parties.includes(to ?? "") && own === outcome;
    };
    for (const item of this.#items()) item.setAttribute("aria-pressed", String(isOn(item)));
  }

  #addBox({ id, namespace, name }: MapParty): void {
    const place = this.#layout.get(id);
    if (!place) return;
    const { x, y } = cornerOf(place);
    const group = shape(
      "g",
      {
        class: namespace === null ? "party outside" : "party",
        role: "button",
        tabindex: this.#parties.size === 0 ? 0 : -1,
        transform: `translate(${x} ${y})`,
        "aria-label": namespace === null ? name : `workload ${id}`,
        "aria-pressed": "false",
        "data-party": id,
      },
      shape("title", {}, id),
      shape("rect", { width: box.width, height: box.height, rx: namespace === null ? 23 : 6 }),
      // A drawing in the drawing cuts off what does not fit.
      shape(
        "svg",
        { x: 14, width: box.width - 20, height: box.height },
        shape("text", { y: namespace === null ? 28 : 20, class: "name" }, shortened(name)),
        namespace === null ? null : shape("text", { y: 36, class: "namespace" }, shortened(namespace)),
      ),
    );
    this.#parties.set(id, group);
    this.#nodes.append(group);
  }

  #setLine(edge: MapEdge, now: number): void {
    const key = keyOf(edge);
    let line = this.#lines.get(key);
    if (!line) {
      line = this.#addLine(edge);
      if (!line) return;
      this.#lines.set(key, line);
      this.#hasNews = true;
    }
    line.edge = edge;
    line.rate.add(edge.flows, now);
  }

  #addLine(edge: MapEdge): Line | undefined {
    const { from, to, outcome } = edge;
    const [start, end] = [this.#layout.get(from), this.#layout.get(to)];
    if (!start || !end) return undefined;
    const { path, words } = lineBetween(start, end, outcome);
    const taken = [...this.#lines.values()].map((line) => line.place);
    const place = freePlace(words, taken);
    this.#right = Math.max(this.#right, place.x + 60);
    const label = shape("text", { x: place.x, y: place.y - 12, class: "count" });
    const services = shape("text", { x: place.x, y: place.y, class: "services" });
    const group = shape(
      "g",
      {
        class: `edge ${outcome}`,
        role: "button",
        tabindex: -1,
        "aria-pressed": "false",
        "data-from": from,
        "data-to": to,
        "data-outcome": outcome,
      },
      shape("path", { d: path, class: "reach" }),
      shape("path", { d: path, class: "line", "marker-end": `url(#arrow-${outcome})` }),
      label,
      services,
    );
    this.#edges.append(group);
    return { group, label, services, place, rate: new Rate(), edge };
  }

  #resize(): void {
    const size = sizeOf(this.#layout.columns, this.#layout.rows);
    const width = Math.max(size.width, this.#right);
    const { height } = size;
    for (const [name, value] of Object.entries({ width, height, viewBox: `0 0 ${width} ${height}` })) {
      this.#svg.setAttribute(name, String(value));
    }
    this.#width = width;
    this.#svg.removeAttribute("hidden");
    byId("map-empty").hidden = true;
  }

  #items(): SVGGElement[] {
    return [...this.#svg.querySelectorAll<SVGGElement>("g[role=button]")];
  }

  #key(event: KeyboardEvent): void {
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      this.#choose(event.target);
      return;
    }
    // Boxes first, then lines.
    const items = this.#items().sort(
      (a, b) => Number(a.dataset["party"] === undefined) - Number(b.dataset["party"] === undefined),
    );
    movedFocus(event, items)?.focus();
  }

  /** One stop for Tab: the part that had the focus last. */
  #stop(target: EventTarget | null): void {
    const own = target instanceof Element ? target.closest("g[role=button]") : null;
    if (!own) return;
    for (const item of this.#items()) item.setAttribute("tabindex", item === own ? "0" : "-1");
  }

  #choose(target: EventTarget | null): void {
    const group = target instanceof Element ? target.closest<SVGGElement>("g[role=button]") : null;
    if (!group) return;
    const isOn = group.getAttribute("aria-pressed") === "true";
    const { party, from = "", to = "", outcome } = group.dataset;
    if (isOn) this.#select({ parties: [], outcome: null });
    else if (party !== undefined) this.#select({ parties: [party], outcome: null });
    else this.#select({ parties: [...new Set([from, to])], outcome: outcome as MapEdge["outcome"] });
  }
}

function keyOf({ from, to, outcome }: MapEdge): string {
  return JSON.stringify([from, to, outcome]);
}

/** One of them, and whether there are more. */
function servicesText({ services: [first = "", ...others] }: MapEdge): string {
  return others.length > 0 ? `${first} …` : first;
}

function shortened(text: string): string {
  return text.length > longest ? `${text.slice(0, longest - 1)}…` : text;
}

function markers(): SVGDefsElement {
  const arrows = ["allowed", "denied", "audited"].map((outcome) =>
    shape(
      "marker",
      {
        id: `arrow-${outcome}`,
        class: outcome,
        viewBox: "0 0 8 8",
        refX: 7,
        refY: 4,
        markerWidth: 8,
        markerHeight: 8,
        orient: "auto",
        markerUnits: "userSpaceOnUse",
      },
      shape("path", { d: "M0 0L8 4L0 8z" }),
    ),
  );
  return shape("defs", {}, ...arrows);
}
