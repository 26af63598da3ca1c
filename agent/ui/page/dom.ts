type Child = Node | string | null;
type Properties = Readonly<Record<string, string | boolean | number>>;

/** An element of the page; strings become text, whatever they hold. */
export function element<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: Properties = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Name] {
  return fill(document.createElement(name), attributes, children);
}

/** An element of a drawing. */
export function shape<Name extends keyof SVGElementTagNameMap>(
  name: Name,
  attributes: Properties = {},
  ...children: readonly Child[]
): SVGElementTagNameMap[Name] {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
}

/** What the page was served with. */
export function byId(id: string): HTMLElement;
export function byId<T extends HTMLElement>(id: string, kind: new () => T): T;
export function byId(id: string, kind: new () => HTMLElement = HTMLElement): HTMLElement {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`find #${id}: it is not on the page`);
  return found;
}

/** Changes nothing where the text is the same: the browser would draw it anew. */
export function setText(node: Element, text: string): void {
  if (node.textContent !== text) node.textContent = text;
}

function fill<T extends Element>(node: T, attributes: Properties, children: readonly Child[]): T {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false) node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.filter((child) => child !== null));
  return node;
}

/** Moves the one tab stop of a list of elements by arrow keys. @returns where it is then; null: another key. */
export function movedFocus<T extends Element>(event: KeyboardEvent, items: readonly T[]): T | null {
  const steps: Readonly<Record<string, number>> = {
    ArrowDown: 1,
    ArrowRight: 1,
    ArrowUp: -1,
    ArrowLeft: -1,
    Home: -items.length,
    End: items.length,
  };
  const step = steps[event.key];
  if (step === undefined || event.ctrlKey || event.altKey || event.metaKey) return null;
  event.preventDefault();
  const at = items.findIndex((item) => item === event.target);
  return items[Math.max(0, Math.min(items.length - 1, at + step))] ?? null;
}
