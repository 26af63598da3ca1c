import { expect, test } from "vitest";
import { Observations } from "#agent/metrics/observations.ts";
import { Scraper } from "#agent/metrics/scraper.ts";
import { fakeSources } from "./fake-sources.ts";

test("who scrapes while somebody else does gets the same, and the next one is read anew", async () => {
  let reads = 0;
  const maps = async () => [{ name: "conntrack4", entries: ++reads, capacity: 10 }];
  const scraper = new Scraper(fakeSources({ maps }), new Observations());
  const entries = async () => (await scraper.list()).find(({ name }) => name === "weir_bpf_map_entries")?.value;
  expect(await Promise.all([entries(), entries(), entries()])).toEqual([1, 1, 1]);
  expect(await entries()).toBe(2);
});

test("a scrape that fails is told of, and the next one is not spoiled", async () => {
  let isBroken = true;
  const maps = () => (isBroken ? Promise.reject(new Error("no map")) : Promise.resolve([]));
  const scraper = new Scraper(fakeSources({ maps }), new Observations());
  await expect(scraper.text()).rejects.toThrow("no map");
  isBroken = false;
  expect(await scraper.text()).toContain("weir_policy_revision 41\n");
});
