import type { NamedAddressView } from "#agent/api/name-views.ts";
import type { NamePort } from "#agent/api/ports.ts";
import { formatTime } from "#agent/runtime/clock.ts";
import type { NodeParts } from "./parts.ts";

/** Which addresses DNS names stand for. */
export function namePort({ names, clock }: Pick<NodeParts, "names" | "clock">): NamePort {
  return {
    list: () =>
      names.list().map(({ until, ...named }): NamedAddressView => {
        return { ...named, expires: formatTime(clock.wallNanoseconds(BigInt(until) * 1_000_000n)) };
      }),
  };
}
