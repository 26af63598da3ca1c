/** Which addresses DNS names stand for, as pods of this node were told. */
import * as z from "zod";

export const namedAddressView = z.object({
  /** Lower case, without the trailing dot. */
  name: z.string(),
  address: z.string(),
  /** RFC 3339: until when it counts, unless a connection keeps it. */
  expires: z.string(),
  /** `lookup`: by a DNS answer. `connection`: its time is over, but a connection to the address lives. */
  source: z.enum(["lookup", "connection"]),
  /** Numbers of endpoints that have asked; of many, some. */
  endpoints: z.array(z.int()).readonly(),
});
export type NamedAddressView = z.infer<typeof namedAddressView>;
