import { chmodSync, writeFileSync } from "node:fs";
import { chromium as driver, type Browser, type BrowserContext, type BrowserContextOptions } from "playwright-core";
import type { NetworkNamespace } from "#agent/local/network-namespace.ts";
import { chromium } from "./requirement.ts";
import { TemporaryFolder } from "./temporary-folder.ts";

/** A real Chromium without a screen, inside a network namespace: that is where the loopback address is. */
export class NamespaceBrowser implements AsyncDisposable {
  readonly #folder: TemporaryFolder;
  readonly #browser: Browser;

  private constructor(folder: TemporaryFolder, browser: Browser) {
    this.#folder = folder;
    this.#browser = browser;
  }

  static async launch(namespace: NetworkNamespace): Promise<NamespaceBrowser> {
    const folder = new TemporaryFolder();
    const program = folder.join("chromium");
    writeFileSync(program, `#!/bin/sh\nexec ${namespace.enter([chromium]).join(" ")} "$@"\n`);
    chmodSync(program, 0o755);
    try {
      // Its own sandbox needs user namespaces, which root's processes here may not have.
      const args = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"];
      return new NamespaceBrowser(folder, await driver.launch({ executablePath: program, args }));
    } catch (error) {
      folder[Symbol.dispose]();
      throw error;
    }
  }

  /** A browser of somebody's own: no cookie of another is there. */
  context(options: BrowserContextOptions = {}): Promise<BrowserContext> {
    return this.#browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#browser.close();
    this.#folder[Symbol.dispose]();
  }
}
