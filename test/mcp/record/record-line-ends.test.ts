import { Buffer } from "node:buffer";
import { PassThrough } from "node:stream";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { recordStdio } from "../../../src/mcp.ts";
import { type FrameRecord, memoryStore, messageText, StreamingTapeReader, wireBytes } from "../../../src/mod.ts";
import { tapeline } from "../../cli/run-command.ts";
import { putTape, Session } from "../../cli/sample-tape.ts";
import { inScratch } from "../../helpers/scratch.ts";
import { collect } from "../../helpers/streams.ts";
import { within } from "../../helpers/within.ts";

/** What a peer may send, and what there is to be known of it from the tape. */
interface Line {
  readonly bytes: string;
  readonly line_end?: string;
  /** The text of the message; undefined for what is no JSON. */
  readonly message?: string;
}

const lines: Line[] = [
  { bytes: '{"id":1}\n', message: '{"id":1}' },
  { bytes: '{"id":2}\r\n', line_end: "\r\n", message: '{"id":2}' },
  { bytes: '{"id":3}\r\r\n', line_end: "\r\r\n", message: '{"id":3}' },
  { bytes: ' \t{ "id" : 4.0 } \t\r\n', line_end: "\r\n", message: ' \t{ "id" : 4.0 } \t' },
  { bytes: "\n" },
  { bytes: "\r\n", line_end: "\r\n" },
  { bytes: "\r\r\n", line_end: "\r\r\n" },
  { bytes: "  \n" },
  { bytes: "10 %\r20 %\r\n", line_end: "\r\n" },
  { bytes: '{"id":5}\r{"id":6}\n' },
  { bytes: '\ufeff{"id":7}\r\n', line_end: "\r\n" },
  { bytes: '\0{"id":8}\0\n' },
  { bytes: '{"id":9}\n', message: '{"id":9}' },
];

/** How a stream may end: a last line with some ending of its own, or none. */
const ends: Line[] = [
  { bytes: '{"id":10}\n', message: '{"id":10}' },
  { bytes: '{"id":10}\r\n', line_end: "\r\n", message: '{"id":10}' },
  { bytes: '{"id":10}', line_end: "", message: '{"id":10}' },
  { bytes: '{"id":10}\r', line_end: "\r", message: '{"id":10}' },
  { bytes: '{"id":', line_end: "" },
];

/** The frames of a session in which the client sends the lines to a server that says them again. */
async function record(sent: readonly Line[]): Promise<FrameRecord[]> {
  const store = memoryStore();
  const client = { stdin: new PassThrough(), stdout: new PassThrough(), stderr: new PassThrough() };
  const session = recordStdio({ store, client, tapeId: "demo", command: "cat", args: [] });
  client.stdin.end(sent.map((line) => line.bytes).join(""));
  await within(session, "the end of the session");
  await using reader = await StreamingTapeReader.open(store, "demo");
  return await collect(reader.frames());
}

test("recordStdio() keeps what ends a line where that is no line feed: the tape has every byte", async () => {
  for (const end of ends) {
    const sent = [...lines, end];
    const frames = await record(sent);
    for (const dir of ["client_to_server", "server_to_client"]) {
      const own = frames.filter((frame) => frame.dir === dir);
      assert.is(String(Buffer.concat(own.map(wireBytes))), sent.map((line) => line.bytes).join(""));
      for (const [at, { bytes, line_end, message }] of sent.entries()) {
        const frame = own[at]!;
        assert.is(frame.env.line_end, line_end, JSON.stringify(bytes));
        assert.is(frame.env.message === undefined ? undefined : messageText(frame), message, JSON.stringify(bytes));
      }
    }
  }
});

test("replay and cat --raw print every byte again, and keep apart what has no line ending", () =>
  inScratch(async (folder) => {
    const session = new Session("demo");
    const frame = (line_end: string, dir: string, seq: number) =>
      session.record({ type: "frame", seq, ts: 0, dir, env: { message: { id: seq }, line_end } });
    frame("\r\n", "server_to_client", 0);
    frame("", "client_to_server", 1);
    frame("\r\r\n", "server_to_client", 2);
    frame("", "server_to_client", 3);
    const path = await putTape(folder, "demo", session.plainText());
    const both = '{"id":0}\r\n{"id":1}\n{"id":2}\r\r\n{"id":3}';
    const output = async (...args: string[]) => (await tapeline([...args, path])).stdout;
    assert.is(await output("replay", "--at-once"), both);
    assert.is(await output("cat", "--raw"), both);
    assert.is(await output("replay", "--at-once", "--from", "server"), '{"id":0}\r\n{"id":2}\r\r\n{"id":3}');
  }));

test.run();
