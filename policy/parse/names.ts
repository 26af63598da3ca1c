/**
 * The forms of names, as Kubernetes defines them. Each function says what is wrong with
 * a text, or null.
 */
const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const QUALIFIED = /^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/;

/** A DNS label of RFC 1123: names of namespaces. */
export function dnsLabelFault(text: string): string | null {
  if (text.length > 63) return "is longer than 63 characters";
  return LABEL.test(text) ? null : "is not a DNS label: lower case letters, digits and inner '-'";
}

/** A DNS name of RFC 1123: names of most objects. */
export function dnsNameFault(text: string): string | null {
  if (text.length > 253) return "is longer than 253 characters";
  return text.split(".").every((label) => LABEL.test(label))
    ? null
    : "is not a DNS name: lower case letters, digits, inner '-' and '.'";
}

/** `[prefix/]name`: a label's key. */
export function labelKeyFault(text: string): string | null {
  const slash = text.indexOf("/");
  const prefix = slash < 0 ? null : text.slice(0, slash);
  const name = text.slice(slash + 1);
  if (prefix !== null && dnsNameFault(prefix) !== null) return "is not a label key: before '/' must stand a DNS name";
  if (name.length > 63) return "is not a label key: its name is longer than 63 characters";
  return QUALIFIED.test(name) ? null : "is not a label key: letters, digits and inner '-', '_' and '.'";
}

export function labelValueFault(text: string): string | null {
  if (text.length > 63) return "is not a label value: longer than 63 characters";
  return text === "" || QUALIFIED.test(text)
    ? null
    : "is not a label value: letters, digits and inner '-', '_' and '.'";
}

/** A port's name, RFC 6335. */
export function portNameFault(text: string): string | null {
  const fine = text.length <= 15 && LABEL.test(text) && /[a-z]/.test(text) && !text.includes("--");
  return fine
    ? null
    : "is not a port name: at most 15 lower case letters, digits and inner '-', and a letter among them";
}
