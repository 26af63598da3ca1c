import { expect, test } from "vitest";

import { hostInterfaceName } from "#agent/api/host-interface.ts";

test("the name never changes, since DEL derives it anew", () => {
  expect(hostInterfaceName("c1", "eth0")).toBe("weir9e27a0ac768");
});

test("names are devices' names, and differ by container and by interface", () => {
  const names = new Set<string>();
  for (let number = 0; number < 5_000; number++) {
    for (const ifName of ["eth0", "net1"]) {
      const name = hostInterfaceName(`${number}`, ifName);
      expect(name).toMatch(/^weir[0-9a-f]{11}$/);
      names.add(name);
    }
  }
  expect(names.size).toBe(10_000);
});
