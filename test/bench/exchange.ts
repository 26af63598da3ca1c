/** What client and server of the traffic benches do with each other, in tight loops. */
import {
  acceptTcp,
  bindUdp,
  closeSocket,
  connectBriefly,
  connectTcp,
  connectUdp,
  endSending,
  listenTcp,
  meetClient,
  receiveBytes,
  sendBytes,
  socketAddress,
  threadTime,
} from "./blocking-sockets.ts";

/**
 * TCP requests of one byte on one connection, a connection for each request, datagrams of
 * one byte there and back, and blocks of {@link blockSize} on one connection.
 */
export type ExchangeKind = "tcp-rr" | "tcp-crr" | "udp-rr" | "tcp-stream";

export const blockSize = 128 * 1024;

/** What one side of a run of exchanges took. */
export interface Expense {
  /** CPU time of the thread, in nanoseconds: its own, and all that the kernel did in its context. */
  readonly cpu: number;
  /** Nanoseconds from the first exchange to the last. */
  readonly elapsed: number;
}

/** One of the two ends. */
export interface ExchangeSide {
  /** Runs so many exchanges; the other side must be told the same number. */
  run(kind: ExchangeKind, count: number): Expense;
}

function measured(work: () => void): Expense {
  const begin = process.hrtime.bigint();
  const cpu = threadTime();
  work();
  return { cpu: threadTime() - cpu, elapsed: Number(process.hrtime.bigint() - begin) };
}

/** Listens for TCP and UDP on one port of every address. */
export function exchangeServer(port: number): ExchangeSide {
  const listener = listenTcp(port);
  const datagrams = bindUdp(port);
  const byte = new Uint8Array(1);
  const block = new Uint8Array(2 * blockSize);
  let isMet = false;

  const echo = (fd: number, count: number): void => {
    for (let i = 0; i < count; i++) {
      receiveBytes(fd, byte);
      sendBytes(fd, byte);
    }
  };
  const serve: Record<ExchangeKind, (count: number) => Expense> = {
    "tcp-rr": (count) => {
      const fd = acceptTcp(listener);
      const expense = measured(() => echo(fd, count));
      closeSocket(fd);
      return expense;
    },
    "tcp-crr": (count) =>
      measured(() => {
        for (let i = 0; i < count; i++) {
          const fd = acceptTcp(listener);
          echo(fd, 1);
          receiveBytes(fd, byte);
          closeSocket(fd);
        }
      }),
    "udp-rr": (count) =>
      measured(() => {
        if (!isMet) {
          meetClient(datagrams, byte);
          sendBytes(datagrams, byte);
        }
        echo(datagrams, isMet ? count : count - 1);
        isMet = true;
      }),
    "tcp-stream": () => {
      const fd = acceptTcp(listener);
      const expense = measured(() => {
        while (receiveBytes(fd, block) > 0);
      });
      closeSocket(fd);
      return expense;
    },
  };
  return { run: (kind, count) => serve[kind](count) };
}

/**
 * @param address IPv4 address of the server.
 * @param control Of streams: the name of a congestion control; empty: the namespace's own.
 */
export function exchangeClient(address: string, port: number, control = ""): ExchangeSide {
  const to = socketAddress(address, port);
  const byte = new Uint8Array(1);
  const block = new Uint8Array(blockSize);
  let datagrams = -1;

  const ask = (fd: number, count: number): void => {
    for (let i = 0; i < count; i++) {
      sendBytes(fd, byte);
      receiveBytes(fd, byte);
    }
  };
  const request: Record<ExchangeKind, (count: number) => Expense> = {
    "tcp-rr": (count) => {
      const fd = connectTcp(to);
      const expense = measured(() => ask(fd, count));
      closeSocket(fd);
      return expense;
    },
    "tcp-crr": (count) =>
      measured(() => {
        for (let i = 0; i < count; i++) {
          const fd = connectBriefly(to);
          ask(fd, 1);
          closeSocket(fd);
        }
      }),
    "udp-rr": (count) => {
      if (datagrams < 0) datagrams = connectUdp(to);
      return measured(() => ask(datagrams, count));
    },
    "tcp-stream": (count) => {
      const fd = connectTcp(to, control);
      const expense = measured(() => {
        for (let i = 0; i < count; i++) {
          for (let sent = 0; sent < blockSize;) sent += sendBytes(fd, sent === 0 ? block : block.subarray(sent));
        }
        endSending(fd);
        receiveBytes(fd, byte);
      });
      closeSocket(fd);
      return expense;
    },
  };
  return { run: (kind, count) => request[kind](count) };
}
