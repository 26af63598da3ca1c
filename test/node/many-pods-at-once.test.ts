import { expect, test } from "vitest";
import { expectTraffic } from "#test/support/expect-traffic.ts";
import { app, networkPolicy } from "#test/support/network-policy.ts";
import { pinnedLinks } from "#test/support/pins.ts";
import { sized } from "#test/support/size.ts";
import { useNode } from "#test/support/use-node.ts";

const count = sized({ short: 8, long: 60 });
const node = useNode({
  objects: {
    "even.yaml": networkPolicy({ name: "even", selects: { app: "even" }, ingress: [{ from: [app("even")] }] }),
  },
});

test("ADD and DEL of many pods at the same time, while policy changes", async () => {
  const names = Array.from({ length: count }, (_, n) => ({
    name: `pod-${n}`,
    labels: { app: n % 2 ? "odd" : "even" },
  }));
  const changes = async () => {
    for (let n = 0; n < 3; n += 1) {
      await node().changeObjects(
        `extra-${n}.yaml`,
        networkPolicy({ name: `extra-${n}`, selects: { app: "odd" }, ingress: [{ from: [app(`nobody-${n}`)] }] }),
      );
    }
  };
  const [pods] = await Promise.all([Promise.all(names.map((pod) => node().addPod(pod))), changes()]);
  expect(new Set(pods.map(({ ipv4 }) => ipv4)).size).toBe(count);
  expect((await node().client.endpoints()).every(({ state }) => state === "ready")).toBe(true);
  const [even, odd, otherEven] = pods;
  if (!even || !odd || !otherEven) throw new Error("no pods");
  await expectTraffic(even, otherEven, 80, "refused");
  await expectTraffic(odd, even, 80, "silent");
  await expectTraffic(even, odd, 80, "silent");

  await Promise.all(pods.map((pod) => pod.delete()));
  expect(await node().client.endpoints()).toEqual([]);
  expect(await node().client.bpf("endpoints")).toEqual([]);
  expect(pinnedLinks(node())).toEqual({});
});
