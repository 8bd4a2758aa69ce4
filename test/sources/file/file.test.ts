import { appendFile, mkdir, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { TapeError } from "../../../src/errors.ts";
import type { TapeLine } from "../../../src/lines/line.ts";
import { fileSource } from "../../../src/sources/file/file.ts";
import { pipe } from "../../../src/streams/pipe.ts";
import { filter } from "../../../src/transforms/filter.ts";
import { lineSplit } from "../../../src/transforms/line-split.ts";
import { parseRecord } from "../../../src/transforms/parse-record.ts";
import { utf8 } from "../../helpers/bytes.ts";
import { inScratch } from "../../helpers/scratch.ts";
import { collect } from "../../helpers/streams.ts";
import { rejection, within } from "../../helpers/within.ts";

async function chunksOf(stream: ReadableStream<Uint8Array>): Promise<string[]> {
  const chunks: string[] = [];
  for await (const chunk of stream) chunks.push(new TextDecoder().decode(chunk));
  return chunks;
}

test("fileSource() reads in blocks of the size that is asked for, and hands out whole lines", async () => {
  await inScratch(async (folder) => {
    const path = join(folder, "a.jsonl");
    await writeFile(path, "1\n2\n3\n\n4567\nend");
    assert.equal(await chunksOf(fileSource(path, { blockBytes: 3 })), ["1\n", "2\n", "3\n\n", "4567\n", "end"]);
    assert.equal(await chunksOf(fileSource(path, { blockBytes: 6 })), ["1\n2\n3\n", "\n4567\n", "end"]);
    assert.equal(await chunksOf(fileSource(path, { blockBytes: 4, start: 1, end: 10 })), ["\n2\n", "3\n\n", "456"]);
    assert.equal(await chunksOf(fileSource(path)), ["1\n2\n3\n\n4567\n", "end"]);
  });
});

test("fileSource() never joins the start of a line that was cut off to the end of another", async () => {
  await inScratch(async (folder) => {
    const path = join(folder, "a.jsonl");
    for (const blockBytes of [4, 8, 9, 16, 100]) {
      await writeFile(path, "one\ntwo, the to");
      const reader = fileSource(path, { blockBytes }).getReader();
      const chunks = [new TextDecoder().decode((await reader.read()).value)];
      // A writer that has failed cuts its line back, and writes the next one.
      await truncate(path, 4);
      await appendFile(path, "three\nfour\n");
      for (let next; !(next = await reader.read()).done;) chunks.push(new TextDecoder().decode(next.value));
      // Which of the two it finds is a matter of when it looks.
      assert.ok(
        ["one\n", "one\ntwo, the to", "one\nthree\nfour\n"].includes(chunks.join("")),
        `${blockBytes}: ${chunks}`,
      );
    }
  });
});

test("fileSource() that follows hands out whole lines from small blocks, also lines longer than one", async () => {
  await inScratch(async (folder) => {
    const path = join(folder, "a.jsonl");
    await writeFile(path, "one\ntwo\n0123456789\nend");
    const stop = new AbortController();
    const chunks: string[] = [];
    const follow = async () => {
      for await (const chunk of fileSource(path, { blockBytes: 5, follow: true, signal: stop.signal })) {
        chunks.push(new TextDecoder().decode(chunk));
        if (chunks.join("").endsWith("9\n")) await appendFile(path, "\n");
        if (chunks.join("").endsWith("end\n")) stop.abort();
      }
    };
    await within(follow(), "the end");
    assert.is(chunks.join(""), "one\ntwo\n0123456789\nend\n");
    assert.ok(chunks.every((chunk) => chunk.endsWith("\n")));
  });
});

test("fileSource() reads no further ahead than one block, however long nobody asks", async () => {
  await inScratch(async (folder) => {
    const path = join(folder, "a.jsonl");
    await writeFile(path, "aaa\nbbb\nccc\nddd\n");
    const reader = fileSource(path, { blockBytes: 4 }).getReader();
    await reader.read();
    await new Promise((resolve) => setTimeout(resolve, 20));
    await writeFile(path, "AAA\nBBB\nCCC\nDDD\n");
    const rest: string[] = [];
    for (let next; !(next = await reader.read()).done;) rest.push(new TextDecoder().decode(next.value));
    assert.equal(rest, ["bbb\n", "CCC\n", "DDD\n"]);
  });
});

test("fileSource() ends where a file has shrunk meanwhile", async () => {
  await inScratch(async (folder) => {
    const path = join(folder, "a.jsonl");
    await writeFile(path, "aaa\nbbb\nccc\nddd\n");
    const reader = fileSource(path, { blockBytes: 4 }).getReader();
    await reader.read();
    await truncate(path, 2);
    await reader.read();
    assert.is((await within(reader.read(), "the end")).done, true);
  });
});

test("fileSource() names the file in its errors, and stays failed", async () => {
  await inScratch(async (folder) => {
    const missing = fileSource(join(folder, "none.jsonl")).getReader();
    const error = await rejection(missing.read(), "tape_not_found");
    assert.is(error.message, `Cannot read ${join(folder, "none.jsonl")}: there is no such tape`);
    assert.is((error.cause as { code?: string }).code, "ENOENT");
    await rejection(missing.read(), "tape_not_found");

    await mkdir(join(folder, "folder"));
    for (const follow of [false, true]) {
      const unreadable = fileSource(join(folder, "folder"), { follow });
      assert.match((await rejection(chunksOf(unreadable), "io")).message, /^Cannot read .*folder at byte 0: /);
    }
  });
});

/** Lines of many lengths, some longer than a block, one torn. */
const logLines = Array.from(
  { length: 400 },
  (_, at) => `{"type":"log","ts":${at},"stream":"s","text":"${"é".repeat(at % 97 === 0 ? 900 : at % 40)}"}`,
);

/** What a look gives, or the error. */
function lookAt<T>(look: () => T): unknown {
  try {
    return look();
  } catch (error) {
    return error;
  }
}

test("fileSource() fills a block anew behind filters, and no line shows other bytes than its own", async () => {
  await inScratch(async (folder) => {
    const path = join(folder, "tape.jsonl");
    await writeFile(path, `${logLines.join("\n")}\n{"type":"log`);
    const read = () => fileSource(path, { blockBytes: 512 });

    const rejected: TapeLine[] = [];
    const everyThird = (line: TapeLine) => {
      if (line.number % 3 === 1) return true;
      if (line.number % 3 === 2) assert.is(line.type, line.terminated ? "log" : undefined); // read now, and known from then on
      rejected.push(line);
      return false;
    };
    const accepted = await collect(pipe(read(), lineSplit(), filter(everyThird)));
    const records = await collect(pipe(read(), lineSplit(), filter(everyThird), parseRecord()));
    const third = logLines.filter((_, at) => at % 3 === 0);
    assert.equal(accepted.map((line) => line.text()), third);
    assert.equal(records, third.map((line) => JSON.parse(line)));

    let gone = 0;
    for (const line of rejected) {
      const own = logLines[line.number - 1] ?? '{"type":"log';
      if (line.number % 3 === 2) assert.is(line.ts, line.terminated ? line.number - 1 : undefined);
      const text = lookAt(() => line.text());
      const bytes = lookAt(() => line.bytes);
      if (text instanceof TapeError) {
        gone++;
        const place = `line ${line.number} at byte ${line.offset}`;
        assert.is(text.message, `Cannot look at ${place}: it was lent to a filter, which did not let it through`);
        assert.is(text.code, "closed");
        assert.is((bytes as TapeError).message, text.message);
      } else {
        assert.is(text, own);
        assert.equal(bytes, utf8(own));
      }
    }
    assert.ok(gone > 100, `${gone} looks at lines that are gone`);
  });
});

test("fileSource() fills a block anew behind parseRecord()", async () => {
  await inScratch(async (folder) => {
    const path = join(folder, "tape.jsonl");
    await writeFile(path, `${logLines.join("\n")}\n{"type":"log`);
    const records = [];
    const errors: string[] = [];
    const onError = (error: Error) => errors.push(error.message);
    for await (const record of pipe(fileSource(path, { blockBytes: 512 }), lineSplit(), parseRecord({ onError }))) {
      records.push(record);
    }
    assert.equal(records, logLines.map((line) => JSON.parse(line)));
    assert.is(errors.length, 1);
  });
});

test.run();
