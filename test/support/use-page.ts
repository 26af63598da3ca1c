import { join } from "node:path";
import type { BrowserContextOptions, Page } from "playwright-core";
import { afterAll, beforeEach } from "vitest";
import type { LabNode } from "#agent/local/lab-node.ts";
import { NamespaceBrowser } from "./browser.ts";
import { app, networkPolicy } from "./network-policy.ts";
import { unmet } from "./requirement.ts";
import { prepare } from "./use-node.ts";

export const pageAddress = "127.0.0.1:9966";

/** A shop whose database takes TCP 5432 of its API, and whose API takes TCP 8080 of its web. */
export const shopPolicies = {
  "db.yaml": networkPolicy({
    name: "db",
    namespace: "shop",
    selects: { app: "db" },
    ingress: [{ from: [app("api")], ports: [{ protocol: "TCP", port: 5432 }] }],
  }),
  "api.yaml": networkPolicy({
    name: "api",
    namespace: "shop",
    selects: { app: "api" },
    ingress: [{ from: [app("web")], ports: [{ protocol: "TCP", port: 8080 }] }],
  }),
};

export interface PageUse {
  /** The page as a browser of its own shows it, let in by a new link. */
  open(options?: BrowserContextOptions, hash?: string): Promise<Page>;
  /** What pages had to complain about: errors of scripts, and what the content policy forbade. */
  readonly complaints: readonly string[];
}

/** A browser for all tests of a file, on the node that serves the page. */
export function usePage(node: () => LabNode): PageUse {
  const reason = unmet("chromium");
  let browser: NamespaceBrowser | undefined;
  const complaints: string[] = [];
  prepare(async () => {
    if (reason === undefined) browser = await NamespaceBrowser.launch(node().namespace);
  });
  afterAll(async () => browser?.[Symbol.asyncDispose]());
  beforeEach((context) => {
    if (reason !== undefined) context.skip(reason);
  });
  return {
    complaints,
    open: async (options = {}, hash = "") => {
      if (browser === undefined) throw new Error("use page: there is no browser");
      const page = await (await browser.context(options)).newPage();
      page.on("pageerror", (error) => complaints.push(String(error)));
      page.on("console", (message) => {
        if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
      });
      const { url } = await node().client.pageLink();
      await page.goto(`${url}${hash === "" ? "" : `&${hash}`}`);
      return page;
    },
  };
}

/** Where a picture of the page is put for people to look at: in the folder that is named, if one is. */
export async function picture(page: Page, name: string): Promise<void> {
  const folder = process.env["WEIR_SCREENSHOTS"];
  if (folder !== undefined) await page.screenshot({ path: join(folder, `${name}.png`) });
}
