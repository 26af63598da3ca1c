import type { ServiceAccountObject } from "#policy/model/object.ts";
import type { KindReader } from "./kind-reader.ts";

/** `v1` ServiceAccount. */
export const readServiceAccount: KindReader<ServiceAccountObject> = (object, base, labels) => {
  object.ignore(["secrets", "imagePullSecrets", "automountServiceAccountToken"]);
  return { kind: "ServiceAccount", ...base, labels };
};
