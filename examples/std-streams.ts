// Compose with streams of others: TextLineStream of @std/streams, and the CompressionStream that every runtime has.
//
//   npx jsr add @std/streams && npx tsx examples/std-streams.ts
//   bunx jsr add @std/streams && bun examples/std-streams.ts
//   deno run examples/std-streams.ts

import { compose, encodeRecord, filter, memorySink, memorySource, pipe, stage, type TapeRecord } from "tapeline";

const records: TapeRecord[] = [
  { type: "log", ts: 0, stream: "stderr", text: "starting" },
  { type: "log", ts: 7, stream: "stderr", text: "ready" },
];

// Our stages are TransformStreams, so they go wherever those go; what is not ours is piped through.
const gzipped = memorySink();
await pipe(records, encodeRecord(), new CompressionStream("gzip"), gzipped);
console.log(`${gzipped.bytes().length} bytes, gzipped`);

// @ts-ignore: an optional dependency, which need not be installed for its types to be known.
const std = await import("@std/streams").catch(() => undefined);
if (std === undefined) {
  console.log("skip: @std/streams is not installed here (it lives on JSR)");
} else {
  const parsed = stage<string, TapeRecord>({ transform: (line, emit) => emit(JSON.parse(line)) });
  const lines = compose(new TextDecoderStream(), new std.TextLineStream(), parsed);
  const unzipped = pipe(
    memorySource(gzipped.bytes()),
    new DecompressionStream("gzip"),
    lines,
    filter((record) => record.type === "log"),
  );
  for await (const record of unzipped) console.log(record);
}
