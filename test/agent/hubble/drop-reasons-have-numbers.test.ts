import { join } from "node:path";
import { loadSync } from "@grpc/proto-loader";
import { expect, test } from "vitest";
import { dropReasonName } from "#agent/flows/drop-reason.ts";
import { root } from "#test/architecture/source-tree.ts";

interface EnumDefinition {
  readonly type: { readonly value: readonly { readonly name: string; readonly number: number }[] };
}

test("the messages have every drop reason of flows, by the same name and number", () => {
  const definition = loadSync("flow.proto", { includeDirs: [join(root, "agent/hubble")] })["flow.DropReason"];
  const { value } = (definition as unknown as EnumDefinition).type;
  const byNumber = new Map(value.map(({ name, number }) => [number, name]));
  const numbers = Array.from({ length: 256 }, (_, number) => number);
  const named = numbers.filter((number) => dropReasonName(number) !== "DROP_REASON_UNKNOWN");
  expect(named.length).toBeGreaterThan(70);
  expect(named.map((number) => byNumber.get(number))).toEqual(named.map(dropReasonName));
});
