import { mkdir, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { NO_KEYS } from "../../../src/cli/arguments/keys/tape-keys.ts";
import { findTape, openTape } from "../../../src/cli/arguments/tape-argument.ts";
import { briefIds, NoSuchTapeError } from "../../../src/cli/arguments/tape-names.ts";
import { repair } from "../../../src/cli/commands/repair.ts";
import { verify } from "../../../src/cli/commands/verify.ts";
import { UsageError } from "../../../src/cli/command.ts";
import { inScratch } from "../../helpers/scratch.ts";
import { FakeIo } from "../fake-io.ts";
import { putTape, Session } from "../sample-tape.ts";

/** Puts a tape that was last written so many minutes after the others. */
async function put(folder: string, id: string, minute: number, name?: string): Promise<string> {
  const path = await putTape(folder, id, new Session(id).plainText(), name === undefined ? undefined : { name });
  await utimes(path, minute * 60, minute * 60);
  return path;
}

async function messageOf(act: () => Promise<unknown>, kind: typeof UsageError = UsageError): Promise<string> {
  try {
    await act();
  } catch (error) {
    assert.instance(error, kind);
    return (error as Error).message;
  }
  throw new Error("it was found");
}

test("findTape() knows a tape by its id, a beginning of it, its name, latest, latest-1, or nothing", () =>
  inScratch(async (folder) => {
    await put(folder, "01JDCAAA", 1, "search");
    await put(folder, "01JDCABB", 2, "search");
    await put(folder, "01JDCACC", 4, "@scope/my server");
    await put(folder, "old", 3);
    const idOf = async (word?: string) => (await findTape(word, folder, NO_KEYS)).tapeId;
    const meant: [string | undefined, string][] = [
      [undefined, "01JDCACC"],
      ["latest", "01JDCACC"],
      ["latest-0", "01JDCACC"],
      ["latest-1", "old"],
      ["latest-3", "01JDCAAA"],
      ["01JDCAAA", "01JDCAAA"],
      ["01JDCAA", "01JDCAAA"],
      ["01jdcaa", "01JDCAAA"],
      ["o", "old"],
      ["search", "01JDCABB"],
      ["@scope/my server", "01JDCACC"],
    ];
    for (const [word, id] of meant) assert.is(await idOf(word), id, word);
  }));

test("findTape() prefers a full id, then a file, then a name to the beginning of an id", () =>
  inScratch(async (folder) => {
    const tapes = join(folder, "tapes");
    await put(tapes, "run", 1);
    await put(tapes, "run-2", 2, "run");
    await put(tapes, "trial-1", 3);
    await put(tapes, "other", 4, "trial");
    await put(tapes, "latest-1", 0);
    const pathOf = async (word: string) => (await findTape(word, tapes, NO_KEYS)).path;
    assert.is(await pathOf("run"), join(tapes, "run.jsonl"));
    assert.is(await pathOf("trial"), join(tapes, "other.jsonl"));
    assert.is(await pathOf("latest-1"), join(tapes, "latest-1.jsonl"));
    assert.is(await pathOf("latest-2"), join(tapes, "run-2.jsonl"));
    const file = join(folder, "trial");
    await writeFile(file, "");
    assert.is(await pathOf(file), file);
    // One id is the beginning of another, as those of repaired tapes are.
    await put(tapes, "run-2-repaired", 5);
    assert.is(await pathOf("run-2"), join(tapes, "run-2.jsonl"));
    assert.is(await pathOf("run-2-"), join(tapes, "run-2-repaired.jsonl"));
  }));

test("findTape() lists the candidates of a beginning, and names what was probably meant", () =>
  inScratch(async (folder) => {
    for (let at = 0; at < 12; at++) await put(folder, `01JDCABCDEFGHJKMNPQRSTVW${at + 10}`, at, "search");
    const message = (word: string) => messageOf(() => findTape(word, folder, NO_KEYS));
    assert.match(
      await message("01jd"),
      /^Cannot tell which tape "01jd" is: so begin (01JDC\w+, ){7}01JDC\w+ and 4 more$/,
    );
    assert.match(await message("01JDCABCDEFGHJKMNPQRSTVW2"), /: so begin 01JDCABCDEFGHJKMNPQRSTVW21, \w+20$/);
    const hints: [string, string | undefined][] = [
      ["serach", "search"],
      ["latst", "latest"],
      ["01JDCABCDEFGHJKMNPQSRTVW15", "01JDCABCDEFGHJKMNPQRSTVW15"],
      ["01JDCABX", "01JDCABCDEFGHJKMNPQRSTVW21"],
      ["01JDCXXX", undefined],
      ["nothing", undefined],
    ];
    for (const [word, hint] of hints) {
      const message = await messageOf(() => findTape(word, folder, NO_KEYS), NoSuchTapeError);
      assert.ok(message.startsWith(`Cannot find tape "${word}": there is no ${join(folder, word)}.jsonl`), message);
      assert.ok(message.endsWith(hint === undefined ? "shows what there is" : `did you mean ${hint}?`), message);
    }
    assert.match(await message("latest-12"), /^Cannot find tape "latest-12": there are only 12 tapes in /);
    for (const word of ["", "../x", "a b"]) {
      assert.match(await message(word), /it is neither a file nor an id or a name .*; "tapeline list" shows/, word);
    }
  }));

test("findTape() says what to do where there are no tapes yet", () =>
  inScratch(async (folder) => {
    for (const where of [folder, join(folder, "nowhere")]) {
      for (const word of [undefined, "latest", "latest-1", "search", "01JD"]) {
        const what = word === undefined || word === "latest" ? "the latest tape" : `tape "${word}"`;
        assert.is(
          await messageOf(() => findTape(word, where, NO_KEYS), NoSuchTapeError),
          `Cannot find ${what}: there are no tapes in ${where} yet; "tapeline record -- COMMAND" makes one`,
        );
      }
    }
    await mkdir(join(folder, "sub"));
    assert.match(await messageOf(() => findTape(join(folder, "sub"), folder, NO_KEYS)), /it is a folder; --dir names/);
  }));

test("briefIds() makes ids so short that each still means one tape", () => {
  const brief = (...ids: string[]) => [...briefIds(ids)].sort().map(([, short]) => short);
  assert.equal(brief(), []);
  assert.equal(brief("01JDCABCDEF"), ["01JDCA"]);
  assert.equal(brief("01JDCABCDEF", "01JDCABXDEF", "02"), ["01JDCABC", "01JDCABX", "02"]);
  assert.equal(brief("session-1", "session-1-repaired", "session-2"), ["session-1", "session-1-", "session-2"]);
  assert.equal(brief("ABCDEFGH", "abcdefgh"), ["ABCDEFGH", "abcdefgh"]);
});

test("errors name the file that was given, whatever it is called in its store", () =>
  inScratch(async (folder) => {
    for (const name of ["my tape.jsonl", "a.b.jsonl", "tape"]) {
      const path = join(folder, name);
      await writeFile(path, "hello\n");
      for (
        const [act, start] of [
          [() => openTape(path, folder, NO_KEYS), `Cannot read ${path}: its first line`],
          [() => repair.run([path], new FakeIo()), `Cannot repair ${path}: no line`],
        ] as const
      ) {
        const message = await act().then(() => "", (error: Error) => error.message);
        assert.ok(message.startsWith(start), message);
      }
      const meta = path.replace(/\.jsonl$/, "") + ".meta.json";
      await writeFile(meta, "{");
      const io = new FakeIo();
      await verify.run([path], io);
      assert.ok(io.out.includes(`Cannot read ${meta}: it is not JSON`), io.out);
    }
  }));

test("what is no tape but a query, or stdin, is told so", () =>
  inScratch(async (folder) => {
    await putTape(folder, "demo", new Session("demo").plainText());
    const why = (word: string) => findTape(word, folder, NO_KEYS).then(() => "found", (error: Error) => error.message);
    for (const word of ["status:error", "-tool:search", "params.name:x"]) {
      assert.match(await why(word), /a query is one argument, in quotes, in front of the tape or behind --where$/);
    }
    assert.match(await why("../x"), /"tapeline list" shows what there is$/);
    assert.match(await why("-"), /^Cannot read a tape from stdin: a tape is read more than once; "tapeline concat -o/);
  }));

test.run();
