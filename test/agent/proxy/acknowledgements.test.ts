import { expect, test } from "vitest";
import { Acknowledgements } from "#agent/proxy/acknowledgements.ts";
import type { ControlConnection } from "#agent/proxy/control-connection.ts";

function acknowledgements() {
  const world = { children: 0, said: [] as number[] };
  const all = new Acknowledgements((revision) => world.children >= revision);
  const sender = { acknowledged: (version: number) => world.said.push(version) };
  return { all, world, sender };
}

const successor = {} as ControlConnection;

test("a version is acknowledged when all children have it", () => {
  const { all, world, sender } = acknowledgements();
  all.expect(sender, 10, 1);
  all.expect(sender, 11, 2);
  expect(world.said).toEqual([]);
  world.children = 1;
  all.look();
  expect(world.said).toEqual([10]);
  world.children = 2;
  all.look();
  all.look();
  expect(world.said).toEqual([10, 11]);
});

test("a successor is waited for, until it has gone", () => {
  const { all, world, sender } = acknowledgements();
  world.children = 9;
  all.successor = successor;
  all.sent(); // the whole, at first
  all.sent();
  all.expect(sender, 10, 1);
  all.taken();
  expect(world.said).toEqual([]);
  all.taken();
  expect(world.said).toEqual([10]);
  all.sent();
  all.expect(sender, 11, 2);
  expect(world.said).toEqual([10]);
  all.successor = null;
  expect(world.said).toEqual([10, 11]);
});
