import { suite } from "uvu";
import * as assert from "uvu/assert";
import { rename, writeFile } from "node:fs/promises";
import { fileStore } from "../../../src/stores/file.ts";
import type { GapRecord } from "../../../src/records/record.ts";
import { StreamingTapeWriter } from "../../../src/tape/write/writer.ts";
import { inScratch } from "../../helpers/scratch.ts";
import { sessionTape } from "../../query/session.ts";
import { tapeline } from "../run-command.ts";
import { putTape } from "../sample-tape.ts";

const test = suite("grep");

/** What stands in lines for people: the numbers of frames, and of gaps. */
function seqsOf(stdout: string): number[] {
  return stdout.split("\n").filter((line) => line !== "").map((line) => Number(line.slice(9, 17).trim()));
}

/** A session in which operations overlap, ids are used again, and messages are missing that were too long. */
async function overlapping(folder: string): Promise<string> {
  const store = fileStore(folder);
  let us = 0;
  const options = { sessionId: "s", tapeId: "demo", elapsedUs: () => us += 1000 };
  const writer = await StreamingTapeWriter.create(store, options);
  const say = (direction: "client_to_server" | "server_to_client") => (message: object) =>
    writer.writeFrame({ message: { jsonrpc: "2.0", ...message }, direction });
  const [ask, tell] = [say("client_to_server"), say("server_to_client")];
  const call = (id: number, name: string, more: object = {}) =>
    ask({ id, method: "tools/call", params: { name, ...more } });
  const answer = (id: number, text: string, more: object = {}) =>
    tell({ id, result: { content: [{ type: "text", text }], ...more } });
  const lose = (what: Partial<GapRecord>) => writer.writeGap(1, "too long", { length: 99, ...what });
  /* 0 */ await call(1, "a", { _meta: { progressToken: "t" } });
  /* 1 */ await call(2, "b");
  /* 2 */ await tell({ method: "notifications/progress", params: { progressToken: "t", progress: 1 } });
  /* 3 */ await answer(2, "of b");
  /* 4 */ await lose({ dir: "server_to_client", id: 1 });
  /* 5 */ await call(1, "c");
  /* 6 */ await answer(1, "of c");
  /* 7 */ await lose({ dir: "client_to_server", id: 9, method: "tools/call" });
  /* 8 */ await answer(9, "of 9");
  /* 9 */ await call(20, "x");
  /* 10 */ await call(21, "y");
  /* 11 */ await ask({ method: "notifications/cancelled", params: { requestId: 20 } });
  /* 12 */ await answer(21, "more", { resultType: "input_required", requestState: "s", inputRequests: {} });
  /* 13 */ await call(22, "y", { requestState: "s", inputResponses: {} });
  /* 14 */ await answer(22, "last");
  await writer.finalize();
  return `${folder}/demo.jsonl`;
}

test("grep -C prints whole operations that overlap, with what is missing of them", () =>
  inScratch(async (folder) => {
    const path = await overlapping(folder);
    const cases: readonly [string, readonly number[]][] = [
      ['"of b"', [1, 3]],
      ['"of c"', [5, 6]],
      ["tool:a", [0, 2, 4]],
      ['"of 9"', [7, 8]],
      ["last", [10, 12, 13, 14]],
      ["kind:correlation status:cancelled", [9, 11]],
    ];
    for (const [query, expected] of cases) {
      const { stdout, stderr, code } = await tapeline(["grep", "-C", query, path]);
      const lines = stdout.split("\n").filter((line) => !/∅/.test(line)).join("\n");
      assert.equal(seqsOf(lines), expected, query);
      assert.match(stderr, /2 frames could not be recorded/, "what is missing is told of");
      assert.is(code, 3);
    }
    const { stdout } = await tapeline(["grep", '"of c"', path]);
    assert.match(stdout, /tools\/call c #1/, "the answer to the first request of this id is missing");
    for (const args of [["-c"], ["--json"]]) assert.is((await tapeline(["grep", ...args, "tool:c", path])).code, 3);
  }));

test("grep, cat and tail print records that are asked for by their type", () =>
  inScratch(async (folder) => {
    const path = await overlapping(folder);
    const printed = async (args: string[]) => (await tapeline([...args, path])).stdout.split("\n").slice(0, -1);
    for (
      const [query, count] of [
        ["kind:gap", 2],
        ["kind:correlation status:cancelled", 1],
        ["kind:checkpoint", 1],
      ] as const
    ) {
      const gaps = query === "kind:gap" ? 0 : 2;
      assert.is((await printed(["grep", query])).length, count, `grep ${query}`);
      assert.is((await printed(["grep", "--json", query])).length, count, `grep --json ${query}`);
      assert.equal(await printed(["grep", "-c", query]), [`${count}`], `grep -c ${query}`);
      assert.is((await printed(["cat", "--where", query])).length, count + gaps, `cat ${query}`);
      const last = await printed(["tail", "--no-follow", "--json", "-n", "1", "--where", query]);
      const type = query.slice("kind:".length).split(" ")[0];
      assert.is(last.filter((line) => JSON.parse(line).type === type).length, 1, `tail ${query}`);
    }
  }));

test("grep counts what it prints, and tells of damage either way", () =>
  inScratch(async (folder) => {
    const path = await putTape(folder, "demo", await sessionTape());
    for (const query of ["café", "NOT kind:request"]) {
      const lines = (await tapeline(["grep", query, path])).stdout.split("\n").length - 1;
      assert.is((await tapeline(["grep", "-c", query, path])).stdout, `${lines}\n`, query);
    }
    await writeFile(`${folder}/other.jsonl`, `${await sessionTape()}#!?\n`);
    await rename(`${folder}/other.jsonl`, path);
    for (const args of [["-c"], ["--json"], []]) {
      const { code, stderr } = await tapeline(["grep", ...args, "method:ping", path]);
      assert.is(code, 3);
      assert.match(stderr, /1 line of it is damaged/);
    }
  }));

test("grep tells of a tape of several that it cannot search, and searches the others", () =>
  inScratch(async (folder) => {
    const path = await overlapping(folder);
    const no = `${folder}/no.jsonl`;
    await writeFile(no, '{"no":"tape"}\n');
    const { code, stdout, stderr } = await tapeline(["grep", "-c", '"of b"', no, "missing", path, "--dir", folder]);
    assert.equal([code, stdout], [2, `${path}:1\n`]);
    const [first, second, third] = stderr.split("\n");
    assert.match(first!, /^tapeline: Cannot read .*no\.jsonl: /);
    assert.match(second!, /^tapeline: Cannot find tape "missing": /);
    assert.match(third!, /demo\.jsonl is not complete/);
    const none = await tapeline(["grep", "-c", '"of b"', no, "--dir", folder]);
    assert.equal([none.code, none.stdout], [2, ""]);
  }));

test.run();
