/** Floods a socket with requests until it is killed: `flood-worker.ts SOCKET COUNT PATH`. Says so when it begins. */
import { floodOfRequests } from "./request-flood.ts";

const [socket = "", count = "", path = ""] = process.argv.slice(2);
process.stdout.write("begun\n");
for (;;) await floodOfRequests(socket, Number(count), path);
