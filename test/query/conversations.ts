import fc from "../helpers/properties.ts";
import { jsonText } from "../../src/json/json-text.ts";
import type { TapeStore } from "../../src/stores/store.ts";
import type { CreateWriterOptions } from "../../src/tape/write/writer-options.ts";
import { StreamingTapeWriter } from "../../src/tape/write/writer.ts";

// Sessions at random, and what may become of their tapes.

export const TOOLS = ["search", "rare", "café", 'q"uote', "read_file"] as const;
export const METHODS = ["tools/call", "ping", "tools/list", "méth", "__proto__", "notifications/x"] as const;
export const WORDS = [
  "needle",
  "café",
  "Paris",
  "x\ny",
  'say "hi"',
  "a/b",
  "1e3",
  "😀",
  "back\\slash",
  "tools/call",
  "7",
] as const;
/** Members of messages, as a query names them and as a path. */
export const PATHS = [
  ["params.arguments.city", ["params", "arguments", "city"]],
  ["/params/arguments/tags/0", ["params", "arguments", "tags", "0"]],
  ["params.arguments.tags", ["params", "arguments", "tags"]],
  ["params.arguments.tags.deep", ["params", "arguments", "tags", "deep"]],
  ["/params/arguments/x~0~1y", ["params", "arguments", "x~/y"]],
  ["params.__proto__", ["params", "__proto__"]],
  ["result.content.text", ["result", "content", "text"]],
  ["$.method", ["method"]],
] as const;

const word = fc.constantFrom(...WORDS);
const isFromClient = fc.boolean();
/** Every how many letters one is spelled as an escape; none where it is 0. */
const escapes = fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.integer({ min: 1, max: 9 }));
const id = fc.oneof({ weight: 4, arbitrary: fc.nat(60) }, fc.constantFrom<unknown>("7", 1.5, "café", 'a"b', 404));

/** Something that happens in a session. */
type Step =
  & { readonly escapes: number }
  & (
    | { is: "request"; isFromClient: boolean; id: unknown; method: string; params: object | null }
    | { is: "answer"; which: number; body: object }
    | { is: "note"; isFromClient: boolean; method: string; text: string }
    | { is: "batch"; isFromClient: boolean; text: string }
    | { is: "log" | "raw"; text: string }
  );

const steps: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      is: fc.constant("request" as const),
      isFromClient,
      id,
      method: fc.oneof(fc.constant("tools/call"), fc.constantFrom(...METHODS)),
      params: fc.option(fc.record({
        name: fc.constantFrom(...TOOLS),
        arguments: fc.record({
          city: word,
          limit: fc.nat(9),
          tags: fc.tuple(word, fc.nat(3), fc.record({ deep: word })),
          "x~/y": word,
        }),
      })),
      escapes,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      is: fc.constant("answer" as const),
      which: fc.nat(),
      body: fc.oneof(
        word.map((text) => ({
          result: { content: [{ type: "text", text }, { type: "text", text: "z" }], none: null },
        })),
        word.map((text) => ({ result: { content: [{ type: "text", text }], isError: true } })),
        fc.tuple(fc.constantFrom(-32601, -32000, 404), word).map(([code, message]) => ({ error: { code, message } })),
      ),
      escapes,
    }),
  },
  fc.record({
    is: fc.constant("note" as const),
    isFromClient,
    method: fc.constantFrom(...METHODS),
    text: word,
    escapes,
  }),
  fc.record({ is: fc.constant("batch" as const), isFromClient, text: word, escapes }),
  fc.record({ is: fc.constant("log" as const), text: word, escapes }),
  fc.record({ is: fc.constant("raw" as const), text: word, escapes }),
);

/** What happens in a session, one after the other. */
export const conversations: fc.Arbitrary<Step[]> = fc.array(steps, { minLength: 5, maxLength: 60 });

/** Records a session: the tape `demo` of a store. */
export async function recordConversation(
  store: TapeStore,
  conversation: readonly Step[],
  options: Partial<CreateWriterOptions> = {},
): Promise<void> {
  let us = 0;
  const writer = await StreamingTapeWriter.create(store, {
    sessionId: "s",
    tapeId: "demo",
    elapsedUs: () => us += 7300,
    createdAt: new Date(1.7e12),
    ...options,
  });
  const open: { id: unknown; isFromClient: boolean }[] = [];
  const used = new Set<string>();
  const write = (isFromClient: boolean, message: object, escapes: number) =>
    writer.writeFrame({
      message: jsonText(spelled({ jsonrpc: "2.0", ...message }, escapes)),
      direction: isFromClient ? "client_to_server" : "server_to_client",
    });
  for (const [n, step] of conversation.entries()) {
    switch (step.is) {
      case "request": {
        // An id that is used again while it is open would be nobody's.
        const wanted = `${step.isFromClient} ${JSON.stringify(step.id)}`;
        const id = used.has(wanted) ? `again ${n}` : step.id;
        used.add(wanted);
        open.push({ id, isFromClient: step.isFromClient });
        const { method, params } = step;
        void write(step.isFromClient, { id, method, ...params === null ? {} : { params } }, step.escapes);
        break;
      }
      case "answer": {
        const [request] = open.splice(step.which % Math.max(1, open.length), 1);
        if (request !== undefined) void write(!request.isFromClient, { id: request.id, ...step.body }, step.escapes);
        break;
      }
      case "note":
        void write(step.isFromClient, { method: step.method, params: { text: step.text } }, step.escapes);
        break;
      case "batch": {
        const [a, b] = [{ id: `b${n}`, method: "ping" }, { method: "notifications/x", params: { text: step.text } }];
        const message = [a, b].map((each) => ({ jsonrpc: "2.0", ...each }));
        void writer.writeFrame({
          message: jsonText(spelled(message, step.escapes)),
          direction: step.isFromClient ? "client_to_server" : "server_to_client",
        });
        break;
      }
      case "log":
        void writer.writeLog("stderr", `${step.text} is logged`);
        break;
      case "raw":
        void writer.writeFrame({ raw: `${step.text} is no JSON`, direction: "server_to_client" });
    }
  }
  await writer.finalize();
}

/** The JSON text of a value in which some letters of its strings are spelled as escapes. */
function spelled(value: unknown, every: number): string {
  const text = JSON.stringify(value);
  if (every === 0) return text;
  let n = 0;
  return text.replace(
    /"(?:[^"\\]|\\.)*"/g,
    (string) =>
      string.replace(
        /\\u....|\\.|[a-zé/]/g,
        (part) =>
          part.length > 1 || ++n % every !== 0 ? part : `\\u${part.charCodeAt(0).toString(16).padStart(4, "0")}`,
      ),
  );
}

/** What became of a tape: its lines, and for each of them a number at random. */
type Fate = (lines: readonly string[], dice: readonly number[]) => readonly string[];
const each = (change: (line: string, dice: number) => string[]): Fate => (lines, dice) =>
  lines.flatMap((line, n) => n === 0 ? [line] : change(line, dice[n % dice.length]!));

/** What may become of a tape. */
export const FATES: Readonly<Record<string, Fate>> = {
  "as it was written": (lines) => lines,
  "spelled by another program": each((line, dice) => [dice % 3 === 0 ? foreign(line) : line]),
  "with gaps": each((line, dice) => dice % 8 !== 0 || !line.startsWith('{"type":"frame"') ? [line] : [gapOf(line)]),
  "with torn lines": each((line, dice) => [dice % 8 === 0 ? torn(line, dice) : line]),
  "with lines that are none of ours": each((line, dice) =>
    dice % 4 === 0 ? [["#!?", "", '{"type":"x-note","ts":5,"text":"needle"}', "[1]"][dice % 16 / 4]!, line] : [line]
  ),
};

function foreign(line: string): string {
  const { type, ...rest } = JSON.parse(line);
  // A message that is spelled in its own way stays so: only that which parses to the same is another spelling.
  return JSON.stringify({ ...rest, type }, null, 1).replace(/\n */g, " ");
}

/** A line without its end. A torn request still says which answer is its own, so of a frame nothing of the message is left. */
function torn(line: string, dice: number): string {
  const message = line.indexOf('"message"');
  return line.slice(0, dice % (message < 0 ? line.length : message));
}

function gapOf(line: string): string {
  const { seq, ts } = JSON.parse(line);
  return JSON.stringify({ type: "gap", ts, from_seq: seq, to_seq: seq, count: 1, reason: "the disk was full" });
}
