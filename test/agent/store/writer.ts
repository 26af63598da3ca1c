import { EmbeddedStore } from "#agent/store/embedded.ts";

/** Writes numbers to a store until it is killed; tells each that was acknowledged. */
const store = EmbeddedStore.open(process.argv[2] as string);
for (let n = Number((await store.get("n"))?.value ?? 0) + 1; ; n++) {
  await store.put("n", String(n));
  await store.put(`k/${n % 100}`, "x".repeat(n % 300));
  await new Promise((told) => process.stdout.write(`${n}\n`, told));
}
