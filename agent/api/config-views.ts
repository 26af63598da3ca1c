/** The agent's options, and changing them while it runs. */
import * as z from "zod";

export const optionView = z.object({
  /** Without dashes. */
  name: z.string(),
  /** As it was written; null: not set. */
  value: z.string().nullable(),
  /** `live`, `flag`, an environment variable, `FILE:LINE:COLUMN`, `default` or `host name`; null: not set. */
  origin: z.string().nullable(),
  /** Whether it can be set while the agent runs. */
  live: z.boolean(),
  /** What the agent was started with, where another value was set live; that one wins until it is taken back. */
  start: z.object({ value: z.string(), origin: z.string() }).nullable(),
});
export type OptionView = z.infer<typeof optionView>;

/** Options by name; null takes back what was set live. All of them change together, or none does. */
export const optionChanges = z
  .record(z.string(), z.union([z.string(), z.boolean().transform(String), z.null()]))
  .refine((changes) => Object.keys(changes).length > 0, "names no option");
export type OptionChanges = z.output<typeof optionChanges>;

/** The options that were named, as they are now, and the revision that is in force with them. */
export const optionChange = z.object({ revision: z.int(), options: z.array(optionView).readonly() });
export type OptionChange = z.infer<typeof optionChange>;
