import { join } from "node:path";
import type { ApiClient } from "#agent/api/client.ts";
import { runCommand } from "#agent/local/command.ts";
import { isOrphan } from "#agent/local/owner-tag.ts";
import type { Place } from "./place.ts";

/** The name that the agent gives to where the test's objects stand. */
const file = "weir connectivity test";

/** Objects that the test has applied, and takes back. */
export class Objects implements AsyncDisposable {
  readonly #client: ApiClient;
  readonly #applied = new Set<string>();

  constructor(client: ApiClient) {
    this.#client = client;
  }

  /** Resolves when they are in force. They stay until this is disposed of, or what is given. */
  async apply(objects: readonly object[]): Promise<AsyncDisposable> {
    if (objects.length === 0) return { [Symbol.asyncDispose]: async () => undefined };
    // JSON is YAML, too.
    const text = objects.map((object) => JSON.stringify(object)).join("\n---\n");
    const change = await this.#client.applyPolicy({ text, file });
    for (const name of change.objects) this.#applied.add(name);
    return { [Symbol.asyncDispose]: () => this.#remove(change.objects) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#remove([...this.#applied].toReversed());
  }

  async #remove(names: readonly string[]): Promise<void> {
    for (const name of names) {
      if (!this.#applied.has(name)) continue;
      await this.#client.deletePolicy(name);
      this.#applied.delete(name);
    }
  }
}

/** Takes back what a test has left on a node whose process was killed: its objects, and its pods. */
export async function removeLeftovers({ client, lab, namespace, runDir }: Place): Promise<void> {
  for (const { kind, namespace: where, name, origin } of await client.policies()) {
    const isTestsOwn = isOrphan(`${where}-`) || isOrphan(`${name}-`);
    if (isTestsOwn && origin === "applied") await client.deletePolicy(`${kind}/${where}/${name}`);
  }
  for (const { containerId, ifName } of await client.endpoints()) {
    if (!isOrphan(containerId)) continue;
    const env = {
      CNI_COMMAND: "DEL",
      CNI_CONTAINERID: containerId,
      CNI_NETNS: "",
      CNI_IFNAME: ifName,
      CNI_PATH: lab.dist,
    };
    const config = { cniVersion: "1.1.0", name: "weir", type: "weir-cni", runDir };
    await runCommand(namespace.enter([join(lab.dist, "weir-cni")]), { input: JSON.stringify(config), env });
  }
}
