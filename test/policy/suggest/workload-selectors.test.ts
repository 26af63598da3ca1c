import { expect, test } from "vitest";
import type { Labels } from "#policy/model/identity.ts";
import { chooseSelector } from "#policy/suggest/workload-selector.ts";
import { matchesSelector } from "#policy/model/selector.ts";
import { stableLabels } from "#policy/suggest/stable-labels.ts";
import { randomLabels } from "#test/support/random-vocabulary.ts";
import { Random } from "#test/support/random.ts";

test("the most telling label is enough where it is the workload's alone", () => {
  const labels = { app: "web", "app.kubernetes.io/name": "shop-web", version: "2" };
  expect(chooseSelector(labels, [{ app: "db" }])).toEqual({
    labels: { "app.kubernetes.io/name": "shop-web" },
    absent: [],
  });
  expect(chooseSelector({ zone: "a", app: "web" }, [])).toEqual({ labels: { app: "web" }, absent: [] });
});

test("labels are added until no other pod is meant", () => {
  const others = [
    { app: "web", tier: "back", track: "stable" },
    { app: "db", tier: "front" },
  ];
  expect(chooseSelector({ app: "web", tier: "front", track: "stable" }, others)).toEqual({
    labels: { app: "web", tier: "front" },
    absent: [],
  });
});

test("pods that have all these labels and more are left out by what they have more", () => {
  const others = [
    { app: "web", track: "canary" },
    { app: "web", debug: "yes" },
  ];
  expect(chooseSelector({ app: "web" }, others)).toEqual({ labels: { app: "web" }, absent: ["debug", "track"] });
  expect(chooseSelector({}, [{ app: "web" }])).toEqual({ labels: {}, absent: ["app"] });
  expect(chooseSelector({}, [])).toEqual({ labels: {}, absent: [] });
});

test("labels of single pods and of roll-outs do not count, nor those that Cilium reads otherwise", () => {
  const labels = {
    app: "web",
    "pod-template-hash": "7d9f",
    "controller-revision-hash": "web-1",
    "statefulset.kubernetes.io/pod-name": "web-0",
    "apps.kubernetes.io/pod-index": "0",
    "batch.kubernetes.io/job-name": "web-2881",
    "io.cilium.k8s.policy.cluster": "default",
    "not a key": "x",
    note: "not a value!",
  };
  expect(stableLabels(labels)).toEqual({ app: "web" });
});

test("for random labels, it matches the workload and no other", () => {
  const random = new Random(4711);
  for (let i = 0; i < 2000; i++) {
    const sets = new Map(random.list(2, 8, () => randomLabels(random)).map((set) => [JSON.stringify(set), set]));
    const [labels, ...others] = [...sets.values()] as [Labels, ...Labels[]];
    const { labels: wanted, absent } = chooseSelector(labels, others);
    const selector = [
      ...Object.entries(wanted).map(([key, value]) => ({ key, operator: "In" as const, values: [value] })),
      ...absent.map((key) => ({ key, operator: "DoesNotExist" as const, values: [] })),
    ];
    expect(matchesSelector(selector, labels)).toBe(true);
    expect(others.filter((other) => matchesSelector(selector, other))).toEqual([]);
  }
});
