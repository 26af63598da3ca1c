import { AgentEvents } from "#agent/runtime/agent-events.ts";
import { FlowReader } from "#agent/flows/reader.ts";
import { FlowRing } from "#agent/flows/ring.ts";
import type { HubbleNetwork } from "#agent/hubble/network-listener.ts";
import { HubbleServer } from "#agent/hubble/server.ts";
import { FakeContext } from "#test/agent/flows/fixture.ts";
import { HubbleClient } from "#test/support/hubble-client.ts";
import { TemporaryFolder } from "#test/support/temporary-folder.ts";

/** Hubble's API over a ring that a test fills, on a socket of its own. */
export class HubbleFixture implements AsyncDisposable {
  readonly ring: FlowRing;
  readonly reader: FlowReader;
  /** Of an agent whose clock stands still until a test moves it. */
  readonly agentEvents = new AgentEvents(() => this.now);
  now = 1_000_000_000n;
  /** What the server complained about. */
  readonly warnings: string[] = [];
  readonly runDir: string;
  readonly client: HubbleClient;
  readonly #stack = new AsyncDisposableStack();
  #server: HubbleServer | undefined;

  private constructor(context: FakeContext, capacity: number) {
    this.ring = new FlowRing(context, capacity);
    this.reader = new FlowReader(this.ring, context);
    this.runDir = this.#stack.use(new TemporaryFolder()).path;
    this.client = this.connect();
  }

  static async start({
    context = new FakeContext(),
    capacity = 4096,
    network = null as HubbleNetwork | null,
  } = {}): Promise<HubbleFixture> {
    const fixture = new HubbleFixture(context, capacity);
    const { reader: flows, agentEvents } = fixture;
    const node = { nodeName: context.nodeName, flows, agentEvents, devices: () => ["lo"] };
    const warn = (message: string): void => void fixture.warnings.push(message);
    fixture.#server = fixture.#stack.use(await HubbleServer.listen(fixture.runDir, node, warn, network));
    fixture.warnings.length = 0; // a machine may lack the group
    return fixture;
  }

  get socket(): string {
    return `${this.runDir}/hubble.sock`;
  }

  /** `IP:PORT`. */
  get address(): string {
    return this.#server?.peer().address ?? "";
  }

  /** Another client, with a connection of its own. */
  connect(options: object = {}): HubbleClient {
    return this.#stack.use(new HubbleClient(`unix:${this.socket}`, undefined, options));
  }

  /** Clients stay; what they ask ends with the server. */
  async stopServer(): Promise<void> {
    await this.#server?.[Symbol.asyncDispose]();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}
