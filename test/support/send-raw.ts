/**
 * Sends bytes, and prints what comes back until the other side closes: `send-raw.ts ADDRESS PORT BYTES [MARK]`, the bytes as JSON
 * text; with a mark (SO_MARK) on all that is sent. Prints the name of the system's error where there is no connection.
 */
import { Socket } from "node:net";
import { libc } from "#agent/net/libc.ts";

const [address = "", port = "", text = "", mark] = process.argv.slice(2);
const [AF_INET, AF_INET6, SOCK_STREAM, SOCK_FLAGS] = [2, 10, 1, 0x80800];
const [SOL_SOCKET, SO_MARK] = [1, 36];

const fd = libc().socket(address.includes(":") ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_FLAGS, 0);
if (mark !== undefined) {
  // A bit pattern: the kernel reads the same 32 bits without a sign.
  if (libc().setOption(fd, SOL_SOCKET, SO_MARK, Number(mark) | 0) < 0) throw new Error("the mark cannot be set");
}
const socket = new Socket({ fd });
socket.setTimeout(3_000, () => {
  process.stdout.write("SILENCE");
  socket.destroy();
});
socket.on("error", (error: NodeJS.ErrnoException) => process.stdout.write(error.code ?? error.message));
socket.on("data", (chunk) => process.stdout.write(chunk));
socket.on("end", () => socket.destroy());
socket.connect({ host: address, port: Number(port) });
socket.write(JSON.parse(text) as string, "latin1");
