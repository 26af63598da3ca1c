/**
 * Keeps so many connections on which a request comes a byte now and then: `slow-worker.ts ADDRESS PORT COUNT`. What is closed is
 * opened again. Says when all of them have been tried once.
 */
import { connect } from "node:net";

const [host = "", port = "", count = ""] = process.argv.slice(2);
const most = Number(count);
/** Between two bytes, in ms. */
const pause = 5_000;
/** Between a connection's end and the next one in its place, in ms. */
const again = 1_000;

let tried = 0;

function open(): void {
  const socket = connect({ host, port: Number(port) });
  let drip: NodeJS.Timeout | undefined;
  socket.on("connect", () => {
    socket.write("GET /public/index.html HTTP/1.1\r\nHost: ");
    drip = setInterval(() => socket.write("x"), pause);
  });
  socket.on("error", () => {});
  socket.on("close", () => {
    clearInterval(drip);
    setTimeout(open, again);
  });
  socket.on("data", () => {});
  if (++tried === most) process.send?.(tried);
}

// As many at a time as a listener's queue takes.
const timer = setInterval(() => {
  for (let i = 0; i < 200 && tried < most; i++) open();
  if (tried >= most) clearInterval(timer);
}, 20);
process.on("disconnect", () => process.exit());
