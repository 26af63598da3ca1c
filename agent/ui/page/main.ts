import type { LiveFrame } from "#agent/ui/frame.ts";
import { AgentError, frames, openSession } from "./agent.ts";
import { Detail } from "./detail.ts";
import { byId, setText } from "./dom.ts";
import { Filters } from "./filters.ts";
import { ServiceMap } from "./map.ts";
import { rateText, Rate } from "./rates.ts";
import { FlowTable } from "./table.ts";

/** How long, in ms, before the agent is asked again after it has gone. */
const again = 2_000;
const second = 1_000;

/** The page as a whole: one stream of frames, drawn at most once each. */
class Page {
  readonly #detail = new Detail((flow) => {
    this.#table.markOpen(null);
    this.#table.focusOn(flow);
  });
  readonly #table = new FlowTable((flow) => {
    this.#table.markOpen(flow);
    this.#detail.open(flow);
  });
  readonly #filters = new Filters(() => this.#restart());
  readonly #map = new ServiceMap((selection) => this.#filters.select(selection));
  #stream = new AbortController();
  #rate = new Rate();
  #matched = 0;
  #isLive = false;
  #ticked = 0;

  run(): void {
    const pause = byId("pause", HTMLButtonElement);
    pause.addEventListener("click", () => {
      this.#table.isPaused = !this.#table.isPaused;
      pause.setAttribute("aria-pressed", String(this.#table.isPaused));
      setText(pause, this.#table.isPaused ? "Go on" : "Pause");
      this.#tell();
    });
    // Nobody looks: nothing is asked for.
    document.addEventListener("visibilitychange", () => this.#restart());
    addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || event.defaultPrevented || this.#detail.close()) return;
      this.#filters.select({ parties: [], outcome: null });
    });
    setInterval(() => {
      if (document.hidden) return;
      this.#table.show();
      this.#tick(performance.now(), 1.5 * second);
    }, second);
    this.#restart();
  }

  #restart(): void {
    this.#stream.abort();
    this.#stream = new AbortController();
    this.#map.showSelection(this.#filters.selection);
    if (!document.hidden) void this.#follow(this.#stream.signal);
  }

  /** Shows frames until the signal; comes back to an agent that was away. */
  async #follow(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        // A new link may have been put into the address of a page that is open.
        await enter();
        let isFirst = true;
        for await (const frame of frames(this.#filters.query, signal)) {
          await nextDrawing();
          if (signal.aborted) return;
          if (isFirst) this.#begin(frame);
          isFirst = false;
          this.#show(frame);
        }
        this.#say("the agent has stopped; looking for it again", false);
      } catch (error) {
        if (signal.aborted) return;
        const isRefusal = error instanceof AgentError && error.status < 500;
        this.#say(
          error instanceof AgentError ? error.message : "the agent does not answer; looking for it again",
          false,
        );
        // The same question would get the same answer.
        if (isRefusal) return;
      }
      await new Promise((resolve) => setTimeout(resolve, again));
    }
  }

  #begin(frame: LiveFrame): void {
    this.#map.begin(frame);
    this.#table.clear();
    this.#rate = new Rate();
    this.#matched = 0;
  }

  #show(frame: LiveFrame): void {
    const now = performance.now();
    this.#matched += frame.matched;
    this.#rate.add(this.#matched, now);
    this.#map.apply(frame, now);
    this.#map.showSelection(this.#filters.selection);
    this.#table.add(frame.flows);
    setText(byId("node"), `on ${frame.node}`);
    document.title = `Weir on ${frame.node}`;
    const { lost } = frame;
    setText(byId("lost"), lost === 0 ? "" : `${lost.toLocaleString("en")} flows lost: there were too many to look at`);
    setText(
      byId("listed"),
      frame.matched > frame.flows.length ? "More come than can be read: the newest of each half second are listed" : "",
    );
    if (!this.#isLive) this.#say("", true);
    // With what is drawn anyway: each drawing costs more than all the rest.
    this.#tick(now, 0.9 * second);
  }

  /** Rates and counts, if it is so long that they were told last. */
  #tick(now: number, after: number): void {
    if (now - this.#ticked < after) return;
    this.#ticked = now;
    this.#map.tick(now);
    this.#tell();
  }

  #say(problem: string, isLive: boolean): void {
    this.#isLive = isLive;
    const message = byId("message");
    message.hidden = problem === "";
    setText(message, problem);
    this.#tell();
  }

  #tell(): void {
    const rate = rateText(this.#rate.at(performance.now())) || "0/s";
    const rows = this.#table.isPaused ? ", rows paused" : this.#table.isHeld ? ", rows held while you are in them" : "";
    setText(byId("state"), this.#isLive ? `live, ${rate.replace("/s", " flows/s")}${rows}` : "not connected");
  }
}

function nextDrawing(): Promise<void> {
  return new Promise((resolve) => requestAnimationFrame(() => resolve()));
}

/** The token of a link is used, and taken out of the address before anybody can copy it. */
async function enter(): Promise<void> {
  const query = new URLSearchParams(location.hash.slice(1));
  const token = query.get("token");
  if (token === null) return;
  query.delete("token");
  history.replaceState(null, "", query.size === 0 ? location.pathname : `#${query}`);
  try {
    await openSession(token);
  } catch (error) {
    // A browser that is in already needs no link; one that is not hears so from the stream.
    if (!(error instanceof AgentError)) throw error;
  }
}

new Page().run();
