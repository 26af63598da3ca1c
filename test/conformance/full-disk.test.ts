import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { mustRun, mustRunNow } from "#agent/local/command.ts";
import { LabNode } from "#agent/local/lab-node.ts";
import { useNode } from "#test/support/use-node.ts";
import { makeContainer, runtimeOf } from "./containers.ts";
import { PluginError } from "./plugin-call.ts";
import { expectState, nodeState } from "./node-state.ts";

const node = useNode();

/** A file system of a size of its own in a folder; gone when disposed of. */
function smallDisk(folder: string): Disposable & { fill(): void; empty(): void } {
  mustRunNow(["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", folder]);
  const filler = join(folder, "filler");
  return {
    fill() {
      try {
        for (let size = 512 * 1024; ; size += 4096) writeFileSync(filler, new Uint8Array(size));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
      }
    },
    empty: () => rmSync(filler),
    [Symbol.dispose]: () => void mustRunNow(["umount", "--lazy", folder]),
  };
}

test("on a full disk ADD fails and leaves nothing, DEL succeeds or says to try again, and all is well when there is space", async () => {
  const full = LabNode.create(node().lab, { name: "full" });
  const disks = ["state", "run"].map((name) => smallDisk(join(full.folder, name)));
  try {
    await full.startAgent();
    const runtime = runtimeOf(full);
    using first = makeContainer(full, "client");
    using second = makeContainer(full, "client");
    using third = makeContainer(full, "client");
    await runtime.add(first);
    await runtime.add(second);
    await runtime.delete(second);
    const before = await nodeState(full);
    for (const disk of disks) disk.fill();

    const error = await runtime.add(third).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(PluginError);
    expect((error as PluginError).error.msg).toMatch(/ENOSPC|no space/i);
    expect(await mustRun(third.namespace.enter(["ip", "-o", "link"]))).not.toContain("eth0");
    await runtime.check(first);
    for (const disk of disks) disk.empty();
    await runtime.delete(third);
    await expectState(full, before, "an ADD on a full disk");

    await runtime.add(third);
    for (const disk of disks) disk.fill();
    await runtime.delete(third);
    for (const disk of disks) disk.empty();
    await expectState(full, before, "a DEL on a full disk");

    // Without an agent DEL has to leave a request, for which there is no space.
    await runtime.add(third);
    await full.agent.kill();
    for (const disk of disks) disk.fill();
    const refused = await runtime.delete(third).catch((thrown: unknown) => thrown);
    expect((refused as PluginError).error).toMatchObject({ code: 11 });
    for (const disk of disks) disk.empty();
    await full.startAgent();
    await runtime.delete(third);
    await expectState(full, before, "a DEL without agent and space");
  } finally {
    await full.agent.stop();
    for (const disk of disks) disk[Symbol.dispose]();
  }
});
