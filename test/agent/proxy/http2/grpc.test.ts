import type { ServiceDefinition, ServiceError, UntypedServiceImplementation } from "@grpc/grpc-js";
import type {
  Metadata,
  ServerDuplexStream,
  ServerReadableStream,
  ServerUnaryCall,
  ServerWritableStream,
} from "@grpc/grpc-js";
import { Client, Server, ServerCredentials, credentials, status } from "@grpc/grpc-js";
import { afterAll, beforeAll, expect, test } from "vitest";
import { serveHttp2 } from "#agent/proxy/http2/serve-http2.ts";
import { FakeProxy, httpEnds } from "#test/support/fake-proxy.ts";

const encode = (word: string): Buffer => Buffer.from(word);
const decode = (bytes: Buffer): string => bytes.toString();
const text = {
  requestSerialize: encode,
  requestDeserialize: decode,
  responseSerialize: encode,
  responseDeserialize: decode,
};
const method = (name: string, requestStream: boolean, responseStream: boolean) => ({
  path: `/weir.Words/${name}`,
  requestStream,
  responseStream,
  ...text,
});
const service = {
  Echo: method("Echo", false, false),
  Fail: method("Fail", false, false),
  Secret: method("Secret", false, false),
  Split: method("Split", false, true),
  Join: method("Join", true, false),
  Shout: method("Shout", true, true),
} as unknown as ServiceDefinition;

const secrets: string[] = [];
const words: UntypedServiceImplementation = {
  Echo: ({ request }: ServerUnaryCall<string, string>, done: (error: null, answer: string) => void) =>
    done(null, request),
  Fail: (_call: unknown, done: (error: Partial<ServiceError>) => void) =>
    done({ code: status.FAILED_PRECONDITION, details: "not yet" }),
  Secret: ({ request }: ServerUnaryCall<string, string>, done: (error: null, answer: string) => void) => {
    secrets.push(request);
    done(null, request);
  },
  Split: (call: ServerWritableStream<string, string>) => {
    for (const word of call.request.split(" ")) call.write(word);
    call.end();
  },
  Join: (call: ServerReadableStream<string, string>, done: (error: null, answer: string) => void) => {
    const said: string[] = [];
    call.on("data", (word: string) => said.push(word));
    call.on("end", () => done(null, said.join(" ")));
  },
  Shout: (call: ServerDuplexStream<string, string>) => {
    call.on("data", (word: string) => call.write(`${word}!`));
    call.on("end", () => call.end());
  },
};

const server = new Server();
let proxy: FakeProxy;
let client: Client;

beforeAll(async () => {
  server.addService(service, words);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  proxy = await FakeProxy.start(
    serveHttp2,
    { port },
    httpEnds({ method: "POST", path: "/weir.Words/(Echo|Fail|Split|Join|Shout)" }),
  );
  client = new Client(`127.0.0.1:${proxy.port}`, credentials.createInsecure());
});

afterAll(async () => {
  client.close();
  await proxy[Symbol.asyncDispose]();
  server.forceShutdown();
});

function call(name: string, request: string): Promise<string> {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(`/weir.Words/${name}`, encode, decode, request, (error, answer) =>
      error ? reject(error) : resolve(answer ?? ""),
    );
  });
}

test("a method that is allowed is answered", async () => {
  expect(await call("Echo", "hello")).toBe("hello");
});

test("one that is not: status 7 in trailers, at once, and the server never hears of it", async () => {
  await expect(call("Secret", "x".repeat(1_000_000))).rejects.toMatchObject({
    code: status.PERMISSION_DENIED,
    details: "denied by policy",
  });
  expect(secrets).toEqual([]);
  expect(proxy.told.at(-1)).toMatchObject({
    verdict: "denied",
    content: {
      method: "POST",
      url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/weir\.Words\/Secret$/) as string,
    },
  });
  expect(await call("Echo", "still there")).toBe("still there");
});

test("an error of the server itself arrives as it is", async () => {
  await expect(call("Fail", "now")).rejects.toMatchObject({ code: status.FAILED_PRECONDITION, details: "not yet" });
});

test("a stream of answers", async () => {
  const stream = client.makeServerStreamRequest("/weir.Words/Split", encode, decode, "a b c");
  expect(await stream.toArray()).toEqual(["a", "b", "c"]);
});

test("a stream of requests", async () => {
  const answer = Promise.withResolvers<string | undefined>();
  const stream = client.makeClientStreamRequest(
    "/weir.Words/Join",
    encode,
    decode,
    (error, said: string | undefined) => (error ? answer.reject(error) : answer.resolve(said)),
  );
  for (const word of ["a", "b", "c"]) stream.write(word);
  stream.end();
  expect(await answer.promise).toBe("a b c");
});

test("streams of both, in turn", async () => {
  const stream = client.makeBidiStreamRequest("/weir.Words/Shout", encode, decode);
  const answers = stream.iterator();
  for (const word of ["a", "b", "c"]) {
    stream.write(word);
    expect((await answers.next()).value).toBe(`${word}!`);
  }
  stream.end();
  expect((await answers.next()).done).toBe(true);
});

test("a stream that is denied ends with status 7", async () => {
  const stream = client.makeBidiStreamRequest("/weir.Words/Other", encode, decode);
  stream.write("a");
  const error = await new Promise((resolve) => stream.once("error", resolve));
  expect(error).toMatchObject({ code: status.PERMISSION_DENIED });
});

test("a call that is cancelled, and one whose deadline passes, end at the server, too", async () => {
  const stream = client.makeBidiStreamRequest("/weir.Words/Shout", encode, decode, {
    deadline: Date.now() + 60_000,
  });
  stream.write("a");
  await new Promise((resolve) => stream.once("data", resolve));
  stream.cancel();
  const error: unknown = await new Promise((resolve) => stream.once("error", resolve));
  expect(error).toMatchObject({ code: status.CANCELLED });
  expect(await call("Echo", "after")).toBe("after");
});

test("metadata passes both ways", async () => {
  const { Metadata } = await import("@grpc/grpc-js");
  const metadata = new Metadata();
  metadata.set("x-tenant", "blue");
  const stream = client.makeUnaryRequest("/weir.Words/Echo", encode, decode, "m", metadata, () => {});
  const head = await new Promise<Metadata>((resolve) => stream.once("metadata", resolve));
  expect(head.get("content-type")).toEqual(["application/grpc+proto"]);
});
