/** Asks a resolver for names, a hundred a second, each by a socket of its own and once: `dns-load-worker.ts ADDRESS`. Says at its end how it went. */
import { createSocket } from "node:dgram";
import { encode } from "dns-packet";

const [host = ""] = process.argv.slice(2);
/** In ms. */
const [interval, patience] = [10, 4_000];
/** In the header (RFC 1035, section 4.1.1): the low four bits of the fourth byte. */
const RCODE = 0x0f;

let [asked, failed, open, isOver] = [0, 0, 0, false];

function ask(): void {
  const socket = createSocket("udp4");
  const query = encode({
    type: "query",
    id: 1 + (asked % 65_535),
    flags: 0x0100,
    questions: [{ type: "A", name: `n${asked % 100}.example.com` }],
  });
  asked++;
  open++;
  const end = (isGood: boolean): void => {
    clearTimeout(late);
    socket.close();
    if (!isGood) failed++;
    if (--open === 0 && isOver) process.send?.({ asked, failed }, () => process.exit());
  };
  const late = setTimeout(() => end(false), patience);
  socket.once("message", (answer) => end(((answer[3] ?? RCODE) & RCODE) === 0));
  socket.once("error", () => end(false));
  socket.send(query, 53, host);
}

const timer = setInterval(ask, interval);
process.once("message", () => {
  clearInterval(timer);
  isOver = true;
});
process.on("disconnect", () => process.exit());
