import { join } from "node:path";
import { expect, test } from "vitest";
import { Random } from "#test/support/random.ts";
import { sized } from "#test/support/size.ts";
import { useNode } from "#test/support/use-node.ts";
import { makeContainer, runtimeOf } from "./containers.ts";
import { killedAt, pickPoint, readCalls, traced } from "./crash-points.ts";
import { expectFailure } from "./expect-error.ts";

const rounds = sized({ short: 8, long: 80 });
const seed = Number(process.env["WEIR_TEST_SEED"] ?? 1);
const random = new Random(seed);

// A released address rests for a while: there are more than the rounds use.
const node = useNode({ podCidr: `10.76.0.0/${sized({ short: 27, long: 24 })}` });

test(`after ${rounds} kills of the plugin in ADD and DEL no address is lost, seed ${seed}`, async () => {
  const runtime = runtimeOf(node());
  const container = makeContainer(node(), "client");
  const call = async (verb: string, wrap: readonly string[]) =>
    runtime.call(verb, "weir-cni", runtime.variables(container), runtime.config(container), wrap);
  const file = join(node().folder, "trace");
  await call("ADD", traced(file));
  const calls = readCalls(file);
  for (let round = 0; round < rounds; round += 1) {
    await call("DEL", killedAt(pickPoint(calls, random)));
    await runtime.delete(container);
    await call("ADD", killedAt(pickPoint(calls, random)));
  }
  await runtime.delete(container);

  let added = 0;
  for (;;) {
    const next = makeContainer(node(), "client");
    const outcome = await runtime.add(next).catch((error: unknown) => error);
    if (outcome instanceof Error) break;
    added += 1;
  }
  const last = makeContainer(node(), "client");
  const { msg } = await expectFailure(runtime.add(last), 11);
  const [, used] = /has (\d+) of \d+ addresses in use/.exec(msg) ?? [];
  expect([msg, Number(used)]).toEqual([msg, added]);
  expect(await node().client.endpoints()).toHaveLength(added);
}, 3_600_000);
