/** True when an address lies in a range, both as canonical text. */
export function inRange(address: string, cidr: string): boolean {
  const [prefix, length] = cidr.split("/") as [string, string];
  if (address.includes(":") !== prefix.includes(":")) return false;
  const bits = Number(length);
  return toBits(address).slice(0, bits) === toBits(prefix).slice(0, bits);
}

/** An address as zeros and ones. */
function toBits(address: string): string {
  if (!address.includes(":")) {
    return address
      .split(".")
      .map((part) => Number(part).toString(2).padStart(8, "0"))
      .join("");
  }
  const [head, tail] = address.split("::") as [string, string | undefined];
  const before = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = new Array<string>(8 - before.length - after.length).fill("0");
  return [...before, ...zeros, ...after].map((group) => parseInt(group, 16).toString(2).padStart(16, "0")).join("");
}
