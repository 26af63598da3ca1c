import type { Handler } from "../proxied-connection.ts";
import { KafkaSession } from "./session.ts";

/** Serves a client of a Kafka broker: each request is judged, and answered as the broker would who denies it. */
export const serveKafka: Handler = (connection) => new KafkaSession(connection).serve();
