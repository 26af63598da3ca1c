import { IdentityAllocator } from "#agent/identity/identity-allocator.ts";
import type { Store } from "#agent/store/store.ts";
import type { Subject } from "#policy/model/identity.ts";
import type { FakeClock } from "#test/support/fake-clock.ts";
import { silentLog } from "#test/support/silent-log.ts";
import { onTestFinished } from "vitest";

export function subject(name: string, extra: Partial<Subject> = {}): Subject {
  return { namespace: "shop", labels: { app: name }, serviceAccount: "default", namedPorts: [], ...extra };
}

/** An allocator of a node; ends with the test at the latest. */
export async function openAllocator(
  store: Store,
  clock: FakeClock,
  node = "n1",
  stop = new AbortController(),
): Promise<IdentityAllocator> {
  onTestFinished(() => stop.abort());
  return IdentityAllocator.open({ store, node, clock, log: silentLog(), signal: stop.signal, grace: 1000 });
}

/** What the store holds of identities, apart from hints. */
export async function identityKeysIn(store: Store): Promise<string[]> {
  return (await store.list("identities/")).map(({ key }) => key).filter((key) => !key.startsWith("identities/last/"));
}
