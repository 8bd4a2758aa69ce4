// One cell of the matrix: writes or reads a tape, and prints the digest of its messages.
//
//   write FOLDER ID COUNT
//   read FOLDER ID...
import process from "node:process";
import { messageText } from "../../../src/records/recorded-text.ts";
import { fileStore } from "../../../src/stores/file.ts";
import { StreamingTapeReader } from "../../../src/tape/read/reader.ts";
import { StreamingTapeWriter } from "../../../src/tape/write/writer.ts";
import { messageAt, MessageDigest } from "./matrix-messages.ts";

const [mode, folder, ...rest] = process.argv.slice(2);
const store = fileStore(folder!);

async function write(tapeId: string, count: number): Promise<void> {
  const digest = new MessageDigest();
  const writer = await StreamingTapeWriter.create(store, { sessionId: "matrix", tapeId });
  for (let n = 0; n < count; n++) {
    const [envelope, text] = messageAt(n);
    digest.add(n, envelope.direction, text);
    const write = writer.writeFrame(envelope);
    // Now and then each frame is waited for; else only for room.
    if (n % 1000 < 50 || n === count - 1) await write;
    else await writer.ready;
  }
  await writer.finalize();
  console.log(`${digest}`);
}

async function read(tapeId: string): Promise<void> {
  const digest = new MessageDigest();
  await using reader = await StreamingTapeReader.open(store, tapeId);
  for await (const frame of reader.frames()) {
    const text = messageText(frame);
    digest.add(frame.seq, frame.dir, text);
    // The parsed message is the text's meaning, down to keys such as `__proto__`.
    if (frame.seq % 97 === 96 && JSON.stringify(frame.env.message) !== JSON.stringify(JSON.parse(text))) {
      throw new Error(`the message of frame ${frame.seq} is not what its text says`);
    }
  }
  console.log(`${digest}`);
}

if (mode === "write") await write(rest[0]!, Number(rest[1]));
else for (const tapeId of rest) await read(tapeId);
if (({} as { polluted?: unknown }).polluted !== undefined) throw new Error("the prototype of objects was changed");
