/** One side of an exchange, inside its network namespace: `server PORT` or `client PORT ADDRESS [CONTROL]`. */
import { type ExchangeKind, exchangeClient, exchangeServer } from "./exchange.ts";

const [role, port, address = "", control = ""] = process.argv.slice(2);
const side = role === "server" ? exchangeServer(Number(port)) : exchangeClient(address, Number(port), control);

process.on("message", ({ kind, count }: { kind: ExchangeKind; count: number }) => {
  try {
    process.send?.({ expense: side.run(kind, count) });
  } catch (error) {
    process.send?.({ error: (error as Error).message });
  }
});
process.on("disconnect", () => process.exit());
process.send?.({ ready: true });
