import { expect, test } from "vitest";
import { makeIpam } from "#test/support/make-ipam.ts";

test("a cool-down goes on over a restart", async () => {
  const { ipam, clock, restart } = makeIpam(["10.0.0.0/30"]);
  ipam.release(await ipam.allocate({ owner: "a" }));
  clock.advance(20_000);
  const second = restart();
  await expect(second.allocate({ owner: "b" })).rejects.toThrow("try again in 10 s");
  clock.advance(10_000);
  expect((await second.allocate({ owner: "b" })).ipv4).toBe("10.0.0.2");
});

test("an address that was given and that no record claims was in use until the restart at the latest", async () => {
  const { ipam, clock, restart } = makeIpam(["10.0.0.0/30"]);
  await ipam.allocate({ owner: "a" });
  clock.advance(100_000);
  const second = restart();
  await expect(second.allocate({ owner: "b" })).rejects.toThrow("try again in 30 s");
  clock.advance(10_000);
  await expect(restart().allocate({ owner: "b" })).rejects.toThrow("try again in 20 s");
  const third = restart();
  third.restore({ ipv4: "10.0.0.2", ipv6: null }, "a");
  expect(third.fill).toMatchObject([{ used: 1, cooling: 0 }]);
});

test("what an earlier boot of the machine says of time keeps an address no longer than a cool-down", async () => {
  const { ipam, clock, restart } = makeIpam(["10.0.0.0/30"]);
  clock.advance(1_000_000_000);
  ipam.release(await ipam.allocate({ owner: "a" }));
  clock.advance(-1_000_000_000);
  const second = restart();
  await expect(second.allocate({ owner: "b" })).rejects.toThrow("try again in 30 s");
  clock.advance(30_000);
  expect((await second.allocate({ owner: "b" })).ipv4).toBe("10.0.0.2");
});

test("the file does not grow with what has come and gone", async () => {
  const { ipam, clock, ledgerSize } = makeIpam(["10.0.0.0/24"]);
  for (let n = 0; n < 6_000; n++) {
    ipam.release(await ipam.allocate({ owner: `shop/web-${n}` }));
    clock.advance(1_000);
  }
  expect(ledgerSize()).toBeLessThan(500_000);
});
