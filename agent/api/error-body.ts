import * as z from "zod";

/** The body of every answer that is not a good one, and the last line of a stream that ends early. */
export const errorBody = z.object({
  error: z.object({
    /** For programs. */
    code: z.string(),
    /** For people: what was asked, what stood in the way, what to do. */
    message: z.string(),
    /** One finding a line. */
    details: z.string().optional(),
  }),
});
export type ErrorBody = z.infer<typeof errorBody>;
