import type { WireReader, WireWriter } from "./wire.ts";

/** A topic of a request, with its partitions as far as the request names them. */
export interface RequestTopic {
  readonly name: string;
  readonly partitions: readonly number[];
}

export interface FetchSession {
  /** Above 0: it goes on with topics that were said before. 0: a session is to begin. Below: none is. */
  readonly epoch: number;
  /** Place of {@link epoch} in the frame's content: 4 bytes. */
  readonly place: number;
}

/** What a request says of topics. */
export interface RequestTopics {
  /** Null: it asks for all that there are. */
  readonly topics: readonly RequestTopic[] | null;
  /** Of a producer that wants no answer. */
  readonly isOneWay?: boolean;
  /** Of a consumer's session with its broker (KIP-227). */
  readonly session?: FetchSession;
}

/** Requests of one kind, which have topics. */
export interface TopicRequest {
  /** So far versions are read: those before flexible ones. Clients are made to use them; see `limitVersions`. */
  readonly maxVersion: number;
  /** Reads what follows the header. */
  read(reader: WireReader, version: number): RequestTopics;
  /** Writes the answer, behind its header, that none of it is done. */
  refuse(writer: WireWriter, version: number, refusal: Refusal): void;
}

export interface Refusal {
  readonly topics: readonly RequestTopic[];
  readonly error: number;
  /** Whom the client has called. */
  readonly broker: { readonly host: string; readonly port: number };
}

/** Nothing, as an offset. */
const NO_OFFSET = -1;
const NO_EPOCH = -1;
/** `AuthorizedOperations` that nobody has asked for. */
const NO_RIGHTS = -2147483648;
/** `ThrottleTimeMs`. */
const NO_TIME = 0;
/** A broker's number, where its address is all that is known. */
const SOME_BROKER = 0;

function readTopics(reader: WireReader, partition: () => number): RequestTopic[] {
  return reader.array(() => ({ name: reader.string(), partitions: reader.array(partition) }));
}

function writeTopics(
  writer: WireWriter,
  topics: readonly RequestTopic[],
  partition: (number: number) => unknown,
): WireWriter {
  return writer.array(topics, ({ name, partitions }) => writer.string(name).array(partitions, partition));
}

/** By number (`api_key`). Fields stand as in the protocol's guide, `Protocol API Keys`. */
export const topicRequests: ReadonlyMap<number, TopicRequest> = new Map<number, TopicRequest>([
  // Produce
  [
    0,
    {
      maxVersion: 8,
      read: (reader, version) => {
        if (version >= 3) reader.nullableString();
        const acks = reader.int16();
        reader.take(4);
        const topics = readTopics(reader, () => {
          const partition = reader.int32();
          reader.skipBytes();
          return partition;
        });
        return { topics, isOneWay: acks === 0 };
      },
      refuse: (writer, version, { topics, error }) => {
        writeTopics(writer, topics, (partition) => {
          writer.int32(partition).int16(error).int64(NO_OFFSET);
          if (version >= 2) writer.int64(-1);
          if (version >= 5) writer.int64(NO_OFFSET);
          if (version >= 8) writer.array([], () => {}).string(null);
        });
        if (version >= 1) writer.int32(NO_TIME);
      },
    },
  ],
  // Fetch
  [
    1,
    {
      maxVersion: 11,
      read: (reader, version) => {
        reader.take(version >= 3 ? 16 : 12);
        if (version >= 4) reader.take(1);
        if (version >= 7) reader.take(4);
        const session = version >= 7 ? { place: reader.position, epoch: reader.int32() } : undefined;
        const topics = readTopics(reader, () => {
          const partition = reader.int32();
          reader.take((version >= 9 ? 4 : 0) + (version >= 5 ? 20 : 12));
          return partition;
        });
        if (version >= 7) readTopics(reader, () => reader.int32());
        if (version >= 11) reader.string();
        return { topics, ...(session && { session }) };
      },
      refuse: (writer, version, { topics, error }) => {
        if (version >= 1) writer.int32(NO_TIME);
        if (version >= 7) writer.int16(topics.length === 0 ? error : 0).int32(0);
        writeTopics(writer, topics, (partition) => {
          writer.int32(partition).int16(error).int64(NO_OFFSET);
          if (version >= 4) writer.int64(NO_OFFSET);
          if (version >= 5) writer.int64(NO_OFFSET);
          if (version >= 4) writer.int32(-1);
          if (version >= 11) writer.int32(-1);
          writer.int32(0);
        });
      },
    },
  ],
  // ListOffsets
  [
    2,
    {
      maxVersion: 5,
      read: (reader, version) => {
        reader.take(version >= 2 ? 5 : 4);
        const topics = readTopics(reader, () => {
          const partition = reader.int32();
          reader.take(8 + (version === 0 || version >= 4 ? 4 : 0));
          return partition;
        });
        return { topics };
      },
      refuse: (writer, version, { topics, error }) => {
        if (version >= 2) writer.int32(NO_TIME);
        writeTopics(writer, topics, (partition) => {
          writer.int32(partition).int16(error);
          if (version === 0) writer.int32(0);
          else writer.int64(-1).int64(NO_OFFSET);
          if (version >= 4) writer.int32(NO_EPOCH);
        });
      },
    },
  ],
  // Metadata
  [
    3,
    {
      maxVersion: 8,
      read: (reader, version) => {
        const names = reader.nullableArray(() => reader.string());
        if (version >= 4) reader.take(1);
        if (version >= 8) reader.take(2);
        const isAll = names === null || (version === 0 && names.length === 0);
        return { topics: isAll ? null : names.map((name) => ({ name, partitions: [] })) };
      },
      refuse: (writer, version, { topics, error, broker }) => {
        if (version >= 3) writer.int32(NO_TIME);
        // Clients take an answer without brokers for none.
        writer.array([broker], ({ host, port }) => {
          writer.int32(SOME_BROKER).string(host).int32(port);
          if (version >= 1) writer.string(null);
        });
        if (version >= 2) writer.string(null);
        if (version >= 1) writer.int32(-1);
        writer.array(topics, ({ name }) => {
          writer.int16(error).string(name);
          if (version >= 1) writer.int8(0);
          writer.array([], () => {});
          if (version >= 8) writer.int32(NO_RIGHTS);
        });
        if (version >= 8) writer.int32(NO_RIGHTS);
      },
    },
  ],
  // OffsetCommit
  [
    8,
    {
      maxVersion: 7,
      read: (reader, version) => {
        reader.string();
        if (version >= 1) {
          reader.take(4);
          reader.string();
        }
        if (version >= 7) reader.nullableString();
        if (version >= 2 && version <= 4) reader.take(8);
        const topics = readTopics(reader, () => {
          const partition = reader.int32();
          reader.take(8 + (version >= 6 ? 4 : 0) + (version === 1 ? 8 : 0));
          reader.nullableString();
          return partition;
        });
        return { topics };
      },
      refuse: (writer, version, { topics, error }) => {
        if (version >= 3) writer.int32(NO_TIME);
        writeTopics(writer, topics, (partition) => writer.int32(partition).int16(error));
      },
    },
  ],
  // OffsetFetch
  [
    9,
    {
      maxVersion: 5,
      read: (reader, version) => {
        reader.string();
        const topics = reader.nullableArray(() => ({
          name: reader.string(),
          partitions: reader.array(() => reader.int32()),
        }));
        return { topics: version < 2 ? (topics ?? []) : topics };
      },
      refuse: (writer, version, { topics, error }) => {
        if (version >= 3) writer.int32(NO_TIME);
        writeTopics(writer, topics, (partition) => {
          writer.int32(partition).int64(NO_OFFSET);
          if (version >= 5) writer.int32(NO_EPOCH);
          writer.string(null).int16(error);
        });
        if (version >= 2) writer.int16(topics.length === 0 ? error : 0);
      },
    },
  ],
  // CreateTopics
  [
    19,
    {
      maxVersion: 4,
      read: (reader, version) => {
        const topics = reader.array(() => {
          const name = reader.string();
          reader.take(6);
          reader.array(() => [reader.int32(), reader.array(() => reader.int32())]);
          reader.array(() => [reader.string(), reader.nullableString()]);
          return { name, partitions: [] };
        });
        reader.take(version >= 1 ? 5 : 4);
        return { topics };
      },
      refuse: (writer, version, { topics, error }) => {
        if (version >= 2) writer.int32(NO_TIME);
        writer.array(topics, ({ name }) => {
          writer.string(name).int16(error);
          if (version >= 1) writer.string(null);
        });
      },
    },
  ],
  // DeleteTopics
  [
    20,
    {
      maxVersion: 3,
      read: (reader) => {
        const topics = reader.array(() => ({ name: reader.string(), partitions: [] }));
        reader.take(4);
        return { topics };
      },
      refuse: (writer, version, { topics, error }) => {
        if (version >= 1) writer.int32(NO_TIME);
        writer.array(topics, ({ name }) => writer.string(name).int16(error));
      },
    },
  ],
  // DeleteRecords
  [
    21,
    {
      maxVersion: 1,
      read: (reader) => {
        const topics = readTopics(reader, () => {
          const partition = reader.int32();
          reader.take(8);
          return partition;
        });
        reader.take(4);
        return { topics };
      },
      refuse: (writer, _, { topics, error }) => {
        writer.int32(NO_TIME);
        writeTopics(writer, topics, (partition) => writer.int32(partition).int64(NO_OFFSET).int16(error));
      },
    },
  ],
  // OffsetForLeaderEpoch
  [
    23,
    {
      maxVersion: 3,
      read: (reader, version) => {
        if (version >= 3) reader.take(4);
        const topics = readTopics(reader, () => {
          const partition = reader.int32();
          reader.take(version >= 2 ? 8 : 4);
          return partition;
        });
        return { topics };
      },
      refuse: (writer, version, { topics, error }) => {
        if (version >= 2) writer.int32(NO_TIME);
        writeTopics(writer, topics, (partition) => {
          writer.int16(error).int32(partition);
          if (version >= 1) writer.int32(NO_EPOCH);
          writer.int64(NO_OFFSET);
        });
      },
    },
  ],
  // AddPartitionsToTxn
  [
    24,
    {
      maxVersion: 2,
      read: (reader) => {
        reader.string();
        reader.take(10);
        return { topics: readTopics(reader, () => reader.int32()) };
      },
      refuse: (writer, _, { topics, error }) => {
        writer.int32(NO_TIME);
        writeTopics(writer, topics, (partition) => writer.int32(partition).int16(error));
      },
    },
  ],
  // TxnOffsetCommit
  [
    28,
    {
      maxVersion: 2,
      read: (reader, version) => {
        reader.string();
        reader.string();
        reader.take(10);
        const topics = readTopics(reader, () => {
          const partition = reader.int32();
          reader.take(version >= 2 ? 12 : 8);
          reader.nullableString();
          return partition;
        });
        return { topics };
      },
      refuse: (writer, _, { topics, error }) => {
        writer.int32(NO_TIME);
        writeTopics(writer, topics, (partition) => writer.int32(partition).int16(error));
      },
    },
  ],
]);
