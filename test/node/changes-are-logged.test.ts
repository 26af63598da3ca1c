import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ApiClient } from "#agent/api/client.ts";
import { observeSocket } from "#agent/api/run-dir-paths.ts";
import { until } from "#agent/local/until.ts";
import { networkPolicy } from "#test/support/network-policy.ts";
import { useNode } from "#test/support/use-node.ts";

interface Line {
  readonly subsystem?: string;
  readonly msg: string;
  readonly path?: string;
  readonly subject?: string;
}

const node = useNode();

function log(): Line[] {
  const lines = readFileSync(join(node().folder, "agent.log"), "utf8").split("\n");
  return lines.filter((line) => line.startsWith("{")).map((line) => JSON.parse(line) as Line);
}

const audited = (): Line[] => log().filter(({ subsystem }) => subsystem === "audit");

test("whoever attaches a pod or changes policy stands in the log, with what it was and what came of it", async () => {
  const pod = await node().addPod({ name: "web" });
  await node().client.endpoints();
  await node().client.applyPolicy({ text: networkPolicy({ name: "a", ingress: [] }), file: "a.yaml" });
  await expect(node().client.deletePolicy("NetworkPolicy/default/\u001b[31mb")).rejects.toThrow("there is none");
  await pod[Symbol.asyncDispose]();
  await until("all lines", async () => audited().length >= 4);
  const caller = { uid: 0, pid: expect.any(Number) as number };
  expect(audited()).toMatchObject([
    {
      method: "POST",
      path: "/v1/cni",
      subject: expect.stringMatching(/^ADD \S+ eth0$/) as string,
      status: 200,
      ...caller,
    },
    { method: "POST", path: "/v1/policies", subject: "a.yaml", status: 200, ...caller, pid: process.pid },
    { method: "DELETE", path: "/v1/policies/object?name=NetworkPolicy%2Fdefault%2F%1B%5B31mb", status: 404, ...caller },
    {
      method: "POST",
      path: "/v1/cni",
      subject: expect.stringMatching(/^DEL \S+ eth0$/) as string,
      status: 200,
      ...caller,
    },
  ]);
});

test("what observe.sock refuses stands there, too, and has changed nothing", async () => {
  const observer = new ApiClient(observeSocket(node().runDir));
  const before = await observer.policyRevision();
  await expect(observer.applyPolicy({ text: networkPolicy({ name: "c" }), file: "c.yaml" })).rejects.toThrow(
    "nothing can be changed on observe.sock",
  );
  expect(await observer.policyRevision()).toEqual(before);
  const words = `refuse POST /v1/policies for uid 0 (process ${process.pid})`;
  await until("the line", async () => log().some(({ msg }) => msg.startsWith(words)));
});
