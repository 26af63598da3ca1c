import { expect, test } from "vitest";
import { Picture } from "#agent/ui/picture.ts";
import type { FlowRecord } from "#agent/flows/record.ts";
import { event, web } from "#test/agent/flows/fixture.ts";

function record(pod: string): FlowRecord {
  const destination = { ...web, labels: [], pod };
  return { sequence: 0, time: 0n, event: event(), source: web, destination, staged: [], audit: false, request: null };
}

test("beyond a hundred parties all others are one, and every flow is counted", () => {
  const picture = new Picture();
  for (let i = 0; i < 500; i++) picture.add(record(`pod-${i}`), { inTable: true, isNew: true });
  const { parties, edges, rows, matched } = picture.take();
  expect(parties).toHaveLength(101);
  expect(parties.at(-1)).toEqual({ id: "others", namespace: null, name: "others" });
  expect(edges.find(({ to }) => to === "others")?.flows).toBe(401);
  expect([rows.length, matched]).toEqual([20, 500]);
  expect(picture.take()).toEqual({ parties: [], edges: [], rows: [], matched: 0 });
});
