import { open } from "node:fs/promises";
import type { StreamingTapeReader } from "../../src/mod.ts";
import { tapeline } from "../built.ts";

/** What is used of https://github.com/foxglove/mcap, whose package may be missing. */
interface Mcap {
  readonly McapWriter: new (options: {
    writable: { write(bytes: Uint8Array): Promise<void>; position(): bigint };
  }) => {
    start(header: object): Promise<void>;
    registerChannel(channel: object): Promise<number>;
    addMessage(message: object): Promise<void>;
    end(): Promise<void>;
  };
  readonly McapIndexedReader: {
    Initialize(options: {
      readable: { size(): Promise<bigint>; read(offset: bigint, length: bigint): Promise<Uint8Array> };
    }): Promise<{
      readMessages(options: { startTime: bigint }): AsyncIterable<{ data: Uint8Array; logTime: bigint }>;
    }>;
  };
}

/** A recording in MCAP, open for its indexed reader. */
export interface McapFile {
  /** The time in milliseconds of the first message at a time or later, parsed. */
  readonly seek: (ts: number) => Promise<number | undefined>;
  readonly close: () => Promise<void>;
}

/** Writes the messages of a tape into an MCAP file, in chunks and with the indexes that it makes by default, and opens it. */
export async function writeMcap(
  path: string,
  reader: StreamingTapeReader,
): Promise<McapFile> {
  const name: string = "@mcap/core";
  const { McapIndexedReader, McapWriter } = await import(name) as Mcap;
  const { messageBytes } = tapeline;
  const file = await open(path, "w+");
  let size = 0n;
  const writer = new McapWriter({
    writable: {
      async write(bytes: Uint8Array) {
        await file.write(bytes, 0, bytes.length, Number(size));
        size += BigInt(bytes.length);
      },
      position: () => size,
    },
  });
  await writer.start({ profile: "", library: "bench" });
  const channelId = await writer.registerChannel({
    topic: "messages",
    schemaId: 0,
    messageEncoding: "json",
    metadata: new Map(),
  });
  for await (const frame of reader.frames({ fromSeq: 0 })) {
    const time = BigInt(frame.ts) * 1_000_000n;
    const data = messageBytes(frame);
    await writer.addMessage({
      channelId,
      sequence: frame.seq,
      logTime: time,
      publishTime: time,
      data,
    });
  }
  await writer.end();

  const readable = {
    size: () => Promise.resolve(size),
    async read(offset: bigint, length: bigint) {
      const bytes = new Uint8Array(Number(length));
      const { bytesRead } = await file.read(
        bytes,
        0,
        bytes.length,
        Number(offset),
      );
      return bytes.subarray(0, bytesRead);
    },
  };
  const indexed = await McapIndexedReader.Initialize({ readable });
  const decoder = new TextDecoder();
  return {
    async seek(ts) {
      for await (
        const { data, logTime } of indexed.readMessages({
          startTime: BigInt(ts) * 1_000_000n,
        })
      ) {
        JSON.parse(decoder.decode(data));
        return Number(logTime / 1_000_000n);
      }
      return undefined;
    },
    close: () => file.close(),
  };
}
