import { test } from "uvu";
import * as assert from "uvu/assert";
import fc from "../helpers/properties.ts";
import { isTapeError, TapeError } from "../../src/errors.ts";
import { pipe } from "../../src/streams/pipe.ts";
import { DEFAULT_MAX_LINE_BYTES, lineSplit, type LineSplitOptions } from "../../src/transforms/line-split.ts";
import { chunkings, inChunks, latin1, latin1Text, utf8 } from "../helpers/bytes.ts";
import { collect } from "../helpers/streams.ts";
import { reasonOf } from "../helpers/within.ts";

/** What is known of a line, or of one that was skipped. */
interface Piece {
  readonly text?: string;
  readonly skipped?: number;
  readonly number: number | undefined;
  readonly offset: number | undefined;
  readonly terminated?: boolean;
  readonly nextOffset?: number;
}

/** Lines and reports of skipped lines, in the order in which they came. */
async function split(chunks: readonly Uint8Array[], options: LineSplitOptions = {}): Promise<Piece[]> {
  const pieces: Piece[] = [];
  const onError = (error: TapeError) => {
    assert.ok(isTapeError(error, "line_too_long"));
    pieces.push({ skipped: error.length!, number: error.line, offset: error.offset });
  };
  for await (const line of pipe(chunks, lineSplit({ onError, ...options }))) {
    const { number, offset, terminated, nextOffset, bytes } = line;
    assert.is(line.length, bytes.length);
    pieces.push({ text: latin1Text(bytes), number, offset, terminated, nextOffset });
  }
  // A line comes out when it is asked for, its neighbour's report as soon as it is known.
  return pieces.sort((a, b) => a.offset! - b.offset!);
}

/** The same by the whole text at once. */
function expected(
  text: string,
  { maxLineBytes = DEFAULT_MAX_LINE_BYTES, offset = 0, line = 1 }: LineSplitOptions = {},
) {
  const pieces: Piece[] = [];
  const parts = text.split("\n");
  const tail = parts.pop()!;
  let at = offset;
  for (const [index, part] of [...parts, ...tail === "" ? [] : [tail]].entries()) {
    const number = line === 0 ? 0 : line + index;
    const terminated = index < parts.length;
    const content = terminated && part.endsWith("\r") ? part.slice(0, -1) : part;
    const nextOffset = at + part.length + (terminated ? 1 : 0);
    pieces.push(
      content.length > maxLineBytes
        ? { skipped: content.length, number: number || undefined, offset: at }
        : { text: content, number, offset: at, terminated, nextOffset },
    );
    at = nextOffset;
  }
  return pieces;
}

async function checkEveryChunking(text: string, options: LineSplitOptions = {}): Promise<void> {
  for (const { how, chunks } of chunkings(latin1(text))) {
    assert.equal(await split(chunks, options), expected(text, options), `${JSON.stringify(text)}, ${how}`);
  }
}

const table: Record<string, string> = {
  "nothing": "",
  "one line": "one\n",
  "several lines": "one\ntwo\nthree\n",
  "line ends of two bytes": "one\r\ntwo\r\nthree\r\n",
  "both kinds of line ends": "one\ntwo\r\nthree\n\r\nfive\r\n",
  "empty lines": "\n\n\none\n\n",
  "empty lines with line ends of two bytes": "\r\n\r\none\r\n\r\n",
  "a \\r inside a line": "o\rne\n\rtwo\nth\r\rree\n",
  "a \\r that belongs to the line before the one of its end": "one\r\r\ntwo\r\r\r\n",
  "a last line without its end": "one\ntwo",
  "a last line that ends in \\r": "one\ntwo\r",
  "nothing but \\r": "\r",
  "nothing but \\r\\r": "\r\r",
  "a \\n and a \\r": "\n\r",
  "a byte": "x",
  "bytes that are no text": "\x00\xff\xfe\n\x80\xc3\r\n\xf0\x9f\n",
  "a byte order mark": "\xef\xbb\xbfone\n",
  "NUL bytes at the end": "one\ntwo\n\x00\x00\x00\x00",
};

for (const [what, text] of Object.entries(table)) {
  test(`lineSplit() splits ${what}, however it is cut`, () => checkEveryChunking(text));
}

test("lineSplit() splits whatever comes, however it is cut", async () => {
  const text = fc.array(fc.constantFrom("a", "bc", "\r", "\n", "\r\n", "\xff", "long line "), { maxLength: 30 })
    .map((parts) => parts.join(""));
  const maxLineBytes = fc.integer({ min: 1, max: 12 });
  await fc.assert(
    fc.asyncProperty(text, maxLineBytes, fc.nat(), async (text, maxLineBytes, seed) => {
      for (const { chunks } of chunkings(latin1(text), seed).slice(-5)) {
        assert.equal(await split(chunks, { maxLineBytes }), expected(text, { maxLineBytes }));
      }
    }),
    { includeErrorInReport: true },
  );
});

test("lineSplit() decodes nothing: characters of several bytes survive any cut", async () => {
  const text = '{"text":"é ü – 漢字 🎞️ \\u2028"}';
  for (const { how, chunks } of chunkings(utf8(`${text}\n${text}`))) {
    const lines = await collect(pipe(chunks, lineSplit()));
    assert.equal(lines.map((line) => line.text()), [text, text], how);
  }
});

test("lineSplit() counts offsets and numbers from where it is told to", async () => {
  await checkEveryChunking("one\r\ntwo\n\nfour", { offset: 1000, line: 7 });
  await checkEveryChunking("one\nover-long\nthree\n", { offset: 2 ** 40, line: 3, maxLineBytes: 5 });
});

test("lineSplit() numbers no line where reading begins in the middle", async () => {
  await checkEveryChunking("one\ntwo\nthree", { offset: 77, line: 0 });
  const [error] = (await errorsOf("ok\nover-long\n", { offset: 10, line: 0, maxLineBytes: 4 })) as [TapeError];
  assert.is(error.line, undefined);
  assert.is(error.offset, 13);
  assert.match(error.message, /^Cannot read the line at byte 13: it has 9 bytes, the limit is 4$/);
});

async function errorsOf(text: string, options: LineSplitOptions): Promise<TapeError[]> {
  const errors: TapeError[] = [];
  await collect(pipe([latin1(text)], lineSplit({ ...options, onError: (error) => void errors.push(error) })));
  return errors;
}

for (const ending of ["\n", "\r\n", ""]) {
  const name = ending === "" ? "no line end" : JSON.stringify(ending);
  test(`lineSplit() takes a line at its limit and skips a longer one, with ${name} behind it, however it is cut`, async () => {
    const options = { maxLineBytes: 8 };
    for (const length of [7, 8, 9, 10, 11, 17, 40]) {
      for (const last of ["x", "\r"]) {
        const long = "x".repeat(length - 1) + last + ending;
        await checkEveryChunking(long, options);
        await checkEveryChunking(`before\n${long}`, options);
        if (ending === "") continue;
        await checkEveryChunking(`${long}after\n`, options);
        await checkEveryChunking(`before\r\n${long}${long}\nafter`, options);
      }
    }
  });
}

test("lineSplit() reports a line that it skips: which, where, how long", async () => {
  const [error, ...others] = await errorsOf("one\ntwo is too long\r\nthree\n", { maxLineBytes: 5 });
  assert.equal(others, []);
  assert.instance(error, TapeError);
  const { code, line, offset, length, message } = error!;
  assert.equal({ code, line, offset, length }, { code: "line_too_long", line: 2, offset: 4, length: 15 });
  assert.is(message, "Cannot read line 2 at byte 4: it has 15 bytes, the limit is 5");
});

test("lineSplit() without onError fails at an over-long line, behind the lines before it", async () => {
  for (const { how, chunks } of chunkings(latin1("one\ntwo\ntoo long\nfour\n"))) {
    const texts: string[] = [];
    const read = async () => {
      for await (const line of pipe(chunks, lineSplit({ maxLineBytes: 5 }))) texts.push(line.text());
    };
    const error = await reasonOf(read());
    assert.ok(isTapeError(error, "line_too_long"), how);
    assert.is(error.line, 3);
    assert.equal(texts, ["one", "two"], how);
  }
});

test("lineSplit() has a limit of 10 MiB by default", async () => {
  const fits = new Uint8Array(DEFAULT_MAX_LINE_BYTES + 1).fill(0x78);
  fits[fits.length - 1] = 0x0a;
  const long = new Uint8Array(DEFAULT_MAX_LINE_BYTES + 2).fill(0x78);
  long[long.length - 1] = 0x0a;
  assert.is(DEFAULT_MAX_LINE_BYTES, 10_485_760);
  for (const size of [Infinity, 256 * 1024]) {
    const pieces = await split([...inChunks(fits, size), ...inChunks(long, size), utf8("end\n")]);
    assert.equal(pieces.map(({ text, skipped }) => skipped ?? text?.length), [10_485_760, 10_485_761, 3]);
  }
});

test("lineSplit() takes a line of 64 MB in small chunks in a time that grows with its length only", async () => {
  const chunk = new Uint8Array(64 * 1024).fill(0x78);
  const chunkCount = 1024;
  const chunks = function* () {
    for (let at = 0; at < chunkCount; at++) yield chunk;
    yield utf8("\nnext\n");
  };
  // Were each chunk joined to all before it, this would copy 32 GB, and the runner would end it.
  const lines = await collect(pipe(chunks(), lineSplit({ maxLineBytes: Infinity })));
  assert.equal(lines.map((line) => line.length), [chunkCount * chunk.length, 4]);
});

test("lineSplit() skips a line of a gigabyte", async () => {
  const chunk = new Uint8Array(1024 * 1024).fill(0x78);
  const chunks = function* () {
    yield utf8("first\n");
    for (let at = 0; at < 1024; at++) yield chunk;
    yield utf8("x\r\nlast\n");
  };
  const errors: TapeError[] = [];
  const onError = (error: TapeError) => void errors.push(error);
  const lines = await collect(pipe(chunks(), lineSplit({ maxLineBytes: 1000, onError })));
  assert.equal(lines.map((line) => [line.text(), line.number, line.offset]), [["first", 1, 0], [
    "last",
    3,
    2 ** 30 + 9,
  ]]);
  assert.equal(errors.map(({ line, offset, length }) => [line, offset, length]), [[2, 6, 2 ** 30 + 1]]);
});

test("lineSplit() joins a long line of many chunks", async () => {
  const long = Array.from({ length: 3000 }, (_, at) => at).join();
  for (const size of [1, 7, 255, 256, 257, 1000, 5000]) {
    const lines = await collect(pipe(inChunks(latin1(`first\n${long}\r\n${long}\nlast`), size), lineSplit()));
    assert.equal(lines.map((line) => line.text()), ["first", long, long, "last"], `in chunks of ${size}`);
  }
});

test("lineSplit() keeps its lines as they were when later chunks come", async () => {
  const lines = await collect(pipe(inChunks(latin1("abc\ndef\nghi\njkl\n"), 3), lineSplit()));
  assert.equal(lines.map((line) => line.text()), ["abc", "def", "ghi", "jkl"]);
});

test("lineSplit() throws invalid_argument for a limit below 1", () => {
  for (const maxLineBytes of [0, -1, NaN]) {
    assert.throws(() => lineSplit({ maxLineBytes }), (error: unknown) => isTapeError(error, "invalid_argument"));
  }
});

test("lineSplit() hands on what onError throws", async () => {
  const own = new Error("own");
  const onError = () => {
    throw own;
  };
  assert.is(await reasonOf(collect(pipe([utf8("too long\n")], lineSplit({ maxLineBytes: 1, onError })))), own);
});

test.run();
