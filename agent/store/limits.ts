import { StoreError } from "./errors.ts";
import { isKey, KEY_MAX, VALUE_MAX } from "./store.ts";

/** @throws StoreError `bad-key`. */
export function checkKey(asked: string, key: string): void {
  if (isKey(key)) return;
  const obstacle = `a key has at most ${KEY_MAX} characters and is words of letters, digits, '.', '_', '-' with '/' between`;
  throw new StoreError("bad-key", { asked, obstacle });
}

/** @throws StoreError `too-large`. */
export function checkValue(asked: string, value: string): void {
  if (Buffer.byteLength(value) <= VALUE_MAX) return;
  throw new StoreError("too-large", { asked, obstacle: `the value has more than ${VALUE_MAX} bytes` });
}
