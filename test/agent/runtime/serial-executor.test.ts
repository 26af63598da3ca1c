import { expect, test } from "vitest";
import { SerialExecutor } from "#agent/runtime/serial-executor.ts";

test("tasks run one at a time and in order", async () => {
  const executor = new SerialExecutor();
  const seen: string[] = [];
  const task = (name: string) => async (): Promise<void> => {
    seen.push(`${name} begins`);
    await Promise.resolve();
    seen.push(`${name} ends`);
  };
  await Promise.all([executor.run(task("a")), executor.run(task("b"))]);
  expect(seen).toEqual(["a begins", "a ends", "b begins", "b ends"]);
  expect(executor.length).toBe(0);
});

test("a task that fails fails only for its caller", async () => {
  const executor = new SerialExecutor();
  const failing = executor.run(() => {
    throw new Error("no");
  });
  const following = executor.run(() => 7);
  await expect(failing).rejects.toThrow("no");
  await expect(following).resolves.toBe(7);
  await executor.idle();
});
