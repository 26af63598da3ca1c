import { expect, test } from "vitest";
import { PageAccess } from "#agent/ui/access.ts";

const minute = 60_000;

test("a link is good for ten minutes, a session for half a day", () => {
  let now = 0;
  const access = new PageAccess(() => now);
  const [early, late] = [access.issue(), access.issue()];
  expect(early.expires.getTime()).toBe(10 * minute);
  now = 10 * minute - 1;
  const session = access.open(early.token) ?? "";
  expect(access.isOpen(session)).toBe(true);
  now = 10 * minute;
  expect(access.open(late.token)).toBeNull();
  now += 12 * 60 * minute - 2;
  expect(access.isOpen(session)).toBe(true);
  now += 1;
  expect(access.isOpen(session)).toBe(false);
});

test("a token opens no session twice, and neither is the other", () => {
  const access = new PageAccess();
  const { token } = access.issue();
  expect(access.isOpen(token)).toBe(false);
  const session = access.open(token) ?? "";
  expect(access.open(token)).toBeNull();
  expect(access.open(session)).toBeNull();
  expect(access.isOpen("")).toBe(false);
});

test("links are few: the oldest goes", () => {
  const access = new PageAccess();
  const links = Array.from({ length: 65 }, () => access.issue().token);
  expect(links.filter((token) => access.open(token) !== null)).toEqual(links.slice(1));
});
