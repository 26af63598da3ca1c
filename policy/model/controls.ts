/** What annotations of an object add to its rules. */
export interface Controls {
  /** Judged and reported, not enforced. `weir.io/stage: audit`, also as a label. */
  readonly staged?: boolean;
  /** Milliseconds since 1970, from when on the rule does not count. `weir.io/not-after: 2026-12-31T00:00:00Z` */
  readonly notAfter?: number;
  /** New connections a second. `weir.io/rate-limit: 100/s` */
  readonly rate?: number;
  /** Connections at one time. `weir.io/connection-limit: 10` */
  readonly connections?: number;
  /** As long as the proxy does not work, new connections pass without it. `weir.io/proxy-failure: open` */
  readonly failsOpen?: boolean;
}

/** Controls of a whole object, and of single rules, which go before those of the object. */
export interface ObjectControls {
  readonly object: Controls;
  /** By the rule's name in the object, `ingress[0]`. */
  readonly rules: Readonly<Record<string, Controls>>;
}

export const NO_CONTROLS: ObjectControls = { object: {}, rules: {} };

/** The controls of one rule. */
export function controlsOf({ object, rules }: ObjectControls, rule: string): Controls {
  return { ...object, ...(Object.hasOwn(rules, rule) ? rules[rule] : {}) };
}
