import * as z from "zod";
import { ApiError } from "#agent/api/errors.ts";

/** A number in a path or a query. */
export const number = z
  .string()
  .regex(/^\d{1,15}$/, "is not a number")
  .transform(Number);

/** The parameter of `/:id`. */
export const idParams = z.object({ id: number });

/** `KIND/NAMESPACE/NAME`; the namespace of a cluster-wide object is empty. */
export const objectName = z
  .string()
  .regex(/^[^/]+\/[^/]*\/[^/]+$/, "is not KIND/NAMESPACE/NAME")
  .transform((text) => {
    const [kind = "", namespace = "", name = ""] = text.split("/");
    return { kind, namespace, name, text };
  });

/** `value`, or the error that says that there is no such `what`. */
export function found<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new ApiError("not-found", { asked: `find ${what}`, obstacle: "there is none" });
  return value;
}
