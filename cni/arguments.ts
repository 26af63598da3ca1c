/** CNI_ARGS without IgnoreUnknown, e.g. K8S_POD_NAME. */
export type CniArguments = Readonly<Record<string, string>>;

const known = ["K8S_POD_NAMESPACE", "K8S_POD_NAME", "K8S_POD_UID", "K8S_POD_INFRA_CONTAINER_ID"];

/**
 * Reads `KEY=VALUE;KEY=VALUE`. Keys that Weir does not know are an error unless
 * `IgnoreUnknown` is true, as in the library that runtimes are made with.
 */
export function parseArguments(
  text: string,
): { readonly ok: true; readonly value: CniArguments } | { readonly ok: false; readonly error: string } {
  // A map first: as a field, a key like `__proto__` would not be one.
  const pairs = new Map<string, string>();
  for (const pair of text.split(";")) {
    if (pair === "") continue;
    const equals = pair.indexOf("=");
    if (equals < 1) return { ok: false, error: `CNI_ARGS ${JSON.stringify(pair)} is not KEY=VALUE` };
    pairs.set(pair.slice(0, equals), pair.slice(equals + 1));
  }
  const ignore = pairs.get("IgnoreUnknown") ?? "false";
  pairs.delete("IgnoreUnknown");
  if (!/^(1|0|true|false)$/i.test(ignore)) {
    return { ok: false, error: `CNI_ARGS IgnoreUnknown=${JSON.stringify(ignore)} is neither true nor false` };
  }
  const unknown = [...pairs.keys()].filter((key) => !known.includes(key));
  if (unknown.length > 0 && !/^(1|true)$/i.test(ignore)) {
    return { ok: false, error: `CNI_ARGS has unknown keys: ${unknown.join(", ")}` };
  }
  return { ok: true, value: Object.fromEntries(pairs) };
}
