import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { redact } from "../../../../src/cli/commands/redact/redact.ts";
import { scan } from "../../../../src/cli/commands/redact/scan.ts";
import { widthOf } from "../../../../src/cli/terminal/text.ts";
import { BUILT_IN_RULES } from "../../../../src/redact/detect/rules.ts";
import { inScratch } from "../../../helpers/scratch.ts";
import { knownSecrets } from "../../../redact/secrets.ts";
import { FakeIo } from "../../fake-io.ts";
import { tapeline } from "../../run-command.ts";
import { putTape, Session } from "../../sample-tape.ts";
import { runIn } from "../derive/in-process.ts";
import { assertNoSecrets, putLeakyTape } from "./leaky-tape.ts";

const clean = () => new Session("clean").client(1, { jsonrpc: "2.0", id: 1, method: "ping" });
const leak = () =>
  new Session("leak").client(1, { id: 1, params: { password: "s3cretS3cret1", a: { b: `x=${knownSecrets().npm}` } } });

test("scan ends with 0 where nothing is found, and with 3 where something is", () =>
  inScratch(async (folder) => {
    const good = await putTape(folder, "clean", await clean().text());
    const bad = await putTape(folder, "leak", await leak().text());
    assert.equal(await runIn(scan, [good]), {
      ...{ code: 0, stdout: `${good}: no secret found\n`, stderr: "", error: undefined },
    });
    const all = await runIn(scan, [good, bad, good]);
    assert.is(all.code, 3);
    assert.is(
      all.stdout,
      `${good}: no secret found
${bad}: 2 secrets found: 1 named-secret, 1 npm-token

RULE          LINE  FRAME  PLACE
────────────  ────  ─────  ────────────────────────────
named-secret     2      0  /env/message/params/password
npm-token        2      0  /env/message/params/a/b

${good}: no secret found
`,
    );
    const kept = await runIn(scan, ["--keep", "named-secret", "--keep", "npm-token", bad]);
    assert.equal([kept.code, kept.stdout], [0, `${bad}: no secret found\n`]);
  }));

test("scan --json says each place, and sums up each tape; it says no secret anywhere", () =>
  inScratch(async (folder) => {
    const path = await putLeakyTape(folder, "leaky");
    const told = await runIn(scan, ["--json", "--dir", folder, "leaky"]);
    assert.is(told.code, 3);
    const lines = told.stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
    const summary = lines.pop();
    assert.equal([summary.type, summary.tape_id, summary.path, summary.damaged_line_count], [
      "summary",
      "leaky",
      path,
      0,
    ]);
    assert.is(lines.length, summary.count);
    assert.is(
      Object.values(summary.rules as Record<string, number>).reduce((sum, count) => sum + count),
      summary.count,
    );
    const text = { rule: "jwt", line: 2, seq: 0, place: "/env/message/params/arguments/text" };
    assert.equal(lines[0], { type: "finding", tape_id: "leaky", path, ...text });
    const beside = { rule: "named-secret", line: null, seq: null, place: "/transport/args/1" };
    assert.equal(lines.find(({ line }) => line === null), { type: "finding", tape_id: "leaky", path, ...beside });
    const table = await runIn(scan, [path]);
    assertNoSecrets(told.stdout, table.stdout);
  }));

test("the table of scan fits a terminal of 80 columns, counts what is in one place, and does not go on for ever", () =>
  inScratch(async (folder) => {
    const session = new Session("many");
    const { npm = "", githubClassic = "" } = knownSecrets();
    const deep = { [`${"name".repeat(30)}\u001b[31m`]: `${npm} ${githubClassic} ${npm} ${npm}` };
    for (let at = 0; at < 80; at++) session.client(at, { id: at, params: { ...deep, x: npm } });
    const path = await putTape(folder, "many", await session.text());
    const { stdout } = await runIn(scan, [path], new FakeIo({ isTty: true, columns: 80, env: { NO_COLOR: "1" } }));
    const lines = stdout.trimEnd().split("\n");
    assert.is(lines[0], `${path}: 400 secrets found: 320 npm-token, 80 github-token`);
    assert.equal(lines.slice(1).filter((line) => widthOf(line) > 80), []);
    assert.not(stdout.includes("\u001b"));
    assert.is(lines.at(-1), "232 more; --json has them all");
    assert.match(lines[4]!, /^npm-token +3 +2 +0 {2}\/env\/message\/params\/name.*…$/);
    assert.match(lines[5]!, /^github-token +2 +0 {2}\/env\/message\/params\/name.*…$/);
    assert.is(lines.length, 2 + 2 + 100 + 1);
  }));

test("scan ends with 3 where a tape is damaged, looks through what is, and fails where a line is too long", () =>
  inScratch(async (folder) => {
    const { npm = "" } = knownSecrets();
    const path = await putTape(folder, "damaged", `${await clean().text()}no record\n`);
    const damaged = await runIn(scan, [path]);
    assert.is(damaged.code, 3);
    assert.is(damaged.stdout, `${path}: no secret found\n`);
    assert.match(
      damaged.stderr,
      /^tapeline: Cannot [^\n]*not JSON\ntapeline: .*damaged\.jsonl is not complete: 1 line of it is damaged\n$/,
    );
    await writeFile(path, `${await readFile(path, "utf8")}no ${npm} record\n`);
    const leaky = await runIn(scan, ["--json", path]);
    assert.match(leaky.stdout, /"rule":"npm-token","line":\d,"seq":null,"place":""/);
    assertNoSecrets(leaky.stdout, leaky.stderr);
    const named = await runIn(scan, [path, path]);
    assert.match(named.stderr, /^tapeline: [^\n]*damaged\.jsonl: Cannot read line/);
    await writeFile(path, `${await clean().text()}${" ".repeat(11_000_000)}\n`);
    assert.match((await runIn(scan, [path])).error!, /damaged\.jsonl: Cannot read line \d at .* the limit is/);
    assert.match((await runIn(scan, ["-", "-"])).error!, /only one of them can be -$/);
  }));

test("scan --secretlint finds what only secretlint knows, and redact --secretlint takes it out", () =>
  inScratch(async (folder) => {
    const session = new Session("slack").client(1, { id: 1, params: { text: `it is ${"xo" + "xo-a1-b2c3d4"}` } });
    const path = await putTape(folder, "slack", await session.text());
    assert.is((await runIn(scan, [path])).code, 0);
    const found = await tapeline(["scan", "--secretlint", path]);
    assert.is(found.code, 3, found.stderr);
    assert.match(found.stdout, /\nsecretlint-slack +2 +0 {2}\/env\/message\/params\/text\n/);
    const made = await runIn(redact, ["--secretlint", path]);
    assert.is(made.stderr, "tapeline: 1 secret taken out: 1 secretlint-slack\n");
    assert.match(made.stdout, /"text":"it is \[REDACTED:secretlint-slack:/);
    const shared = join(folder, "shared.jsonl.zst");
    assert.is((await tapeline(["share", "--secretlint", "-o", shared, path])).code, 0);
    assert.is((await runIn(scan, ["--secretlint", shared])).code, 0);
  }));

test("scan says what is wrong with its arguments, and which rules there are", async () => {
  const bad = await tapeline(["scan", "--keep", "npm-tokn", "x.jsonl"]);
  assert.equal([bad.code, bad.stderr], [
    2,
    "tapeline: --keep npm-tokn: there is no such built-in rule; did you mean npm-token?\n",
  ]);
  const missing = await tapeline(["scan", "x.jsonl"]);
  assert.equal([missing.code, missing.stderr], [2, 'tapeline: Cannot find tape "x.jsonl": there is no such file\n']);
  for (const rule of BUILT_IN_RULES) assert.match(scan.help, new RegExp(`^  (.*, )?${rule}(,.*)?$`, "m"));
});

test.run();
