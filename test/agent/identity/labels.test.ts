import { identityLabels, labelList, relevantLabels, reservedLabels } from "#agent/identity/labels.ts";
import { expect, test } from "vitest";
import { subject } from "./allocators.ts";

test("labels that every rollout changes do not count, unless a policy names them", () => {
  const labels = {
    app: "web",
    "pod-template-hash": "5d5f",
    "controller-revision-hash": "web-1",
    "statefulset.kubernetes.io/pod-name": "web-0",
    "apps.kubernetes.io/pod-index": "0",
    "pod-template-generation": "7",
    "batch.kubernetes.io/controller-uid": "x",
    "app.kubernetes.io/name": "web",
  };
  expect(relevantLabels(labels)).toEqual({ app: "web", "app.kubernetes.io/name": "web" });
  expect(relevantLabels(labels, new Set(["apps.kubernetes.io/pod-index"]))).toEqual({
    app: "web",
    "app.kubernetes.io/name": "web",
    "apps.kubernetes.io/pod-index": "0",
  });
});

test("an identity shows its labels, namespace, service account and named ports", () => {
  const shown = identityLabels(subject("web", { namedPorts: [{ name: "http", protocol: "TCP", port: 80 }] }));
  expect(shown).toEqual({
    app: "web",
    "io.kubernetes.pod.namespace": "shop",
    "io.cilium.k8s.policy.serviceaccount": "default",
    "weir.io/named-ports": "http:TCP/80",
  });
  expect(labelList(shown)).toEqual([
    "k8s:app=web",
    "k8s:io.cilium.k8s.policy.serviceaccount=default",
    "k8s:io.kubernetes.pod.namespace=shop",
    "weir:weir.io/named-ports=http:TCP/80",
  ]);
});

test("reserved identities show their name", () => {
  expect(reservedLabels(1)).toEqual({ "reserved:host": "" });
  expect(labelList(reservedLabels(2) ?? {})).toEqual(["reserved:world"]);
  expect(reservedLabels(256)).toBeUndefined();
});
