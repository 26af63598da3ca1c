import type * as z from "zod";

/** A field that may be absent, or null as some runtimes write for it. */
export const optional = <T extends z.ZodType>(schema: T) => schema.nullish().transform((value) => value ?? undefined);
