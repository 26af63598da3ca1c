import type { MetricsPort } from "./ports.ts";

/** How long, in ms, an answer is given again. */
const pace = 1_000;

/**
 * Metrics for who is on the network: within a second everybody gets the same text, so that asking
 * again and again costs the node one scrape a second at most.
 *
 * @param now in ms, of a clock that is not set.
 */
export function pacedScrapes(
  metrics: Pick<MetricsPort, "text">,
  now: () => number = () => performance.now(),
): Pick<MetricsPort, "text"> {
  let last: { readonly began: number; readonly text: Promise<string> } | null = null;
  return {
    text: async () => {
      if (last === null || now() - last.began >= pace) last = { began: now(), text: metrics.text() };
      const { text } = last;
      try {
        return await text;
      } catch (error) {
        if (last?.text === text) last = null;
        throw error;
      }
    },
  };
}
