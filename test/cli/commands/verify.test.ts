import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { styleFor } from "../../../src/cli/terminal/text.ts";
import { findingLine } from "../../../src/cli/commands/verify.ts";
import { latin1Text, utf8 } from "../../helpers/bytes.ts";
import { sealedTape, splice } from "../../helpers/strange/damage.ts";
import { inScratch } from "../../helpers/scratch.ts";
import { frameLine, initLine } from "../../helpers/tapes.ts";
import { tapeline } from "../run-command.ts";
import { putTape, Session } from "../sample-tape.ts";

const { bytes: whole } = sealedTape();
const at = latin1Text(whole).indexOf("ready");
/** One letter of a log line is another. */
const damaged = splice(whole, at, at + 1, utf8("h"));

test("verify says that a tape is whole, and how far it is sealed", () =>
  inScratch(async (folder) => {
    const path = await putTape(folder, "demo", whole);
    const { code, stdout, stderr } = await tapeline(["verify", "--dir", folder, "demo"]);
    assert.equal([code, stderr], [0, ""]);
    const counts = "18 lines, 7 frames; 2 frames missing, as gap records say";
    assert.is(stdout, `${path}: ${counts}; checksums to its end; no damage found\n`);
    const open = await putTape(folder, "open", new Session("open").client(1, { id: 1 }).plainText());
    const { stdout: notSealed } = await tapeline(["verify", open]);
    assert.is(notSealed, `${open}: 2 lines, 1 frame; no checksums; not finalized; no damage found\n`);
  }));

test("verify prints each finding with its line and byte, and gives exit code 3", () =>
  inScratch(async (folder) => {
    const path = await putTape(folder, "demo", damaged);
    const { code, stdout } = await tapeline(["verify", path]);
    assert.is(code, 3);
    const lines = stdout.trimEnd().split("\n");
    assert.is(lines.length, 2);
    assert.match(lines[0]!, /^line 1, byte 0: lines 1 to 7 are not as they were written: /);
    assert.match(
      lines[1]!,
      /; checksums of \d\.\d+ KiB of \d\.\d+ KiB; damage found: 1 finding$/,
    );
    const foreign = `${initLine("evil")}{"type":"log","ts":1,"stream":"\\u001b[2J"}\n${frameLine(3, 1)}#\u001b[2J\n`;
    await putTape(folder, "evil", foreign);
    const evil = await tapeline(["verify", "--dir", folder, "evil"]);
    assert.is(evil.code, 3);
    assert.match(evil.stdout, /^line 2, byte \d+: the line is no record: /);
    assert.not.ok(evil.stdout.includes("\u001b"));
  }));

test("findingLine() lets nothing through that steers a terminal", () => {
  const finding = { code: "id_differs", severity: "notice", message: "tape \u001b[2J\u202e" } as const;
  const style = styleFor({ isTty: false, env: {} });
  assert.is(findingLine(finding, style), "note: tape \\u{1b}[2J\\u{202e}");
  const damage = { ...finding, severity: "damage", line: 1234, offset: 5678 } as const;
  assert.is(findingLine(damage, style), "line 1,234, byte 5,678: tape \\u{1b}[2J\\u{202e}");
});

test("verify --json gives the same as one JSON object", () =>
  inScratch(async (folder) => {
    const path = await putTape(folder, "demo", damaged, { stats: { frame_count: 99 } });
    const { code, stdout } = await tapeline(["verify", "--json", path]);
    assert.equal([code, stdout.endsWith("}\n"), stdout.indexOf("\n")], [3, true, stdout.length - 1]);
    const { findings, records, ...result } = JSON.parse(stdout);
    assert.equal(findings.map((one: Record<string, unknown>) => [one.code, one.severity, one.line, one.offset]), [
      ["seal_broken", "damage", 1, 0],
      ["metadata_differ", "notice", null, null],
    ]);
    assert.equal([records.frame, result.is_intact, result.damage_count, result.notice_count], [7, false, 1, 1]);
    assert.equal([result.path, result.tape_id, result.byte_count, result.is_finalized], [
      path,
      "demo",
      damaged.length,
      true,
    ]);
  }));

test("verify looks at a tape whatever its first line is; what it cannot read is exit code 1 or 2", () =>
  inScratch(async (folder) => {
    const path = join(folder, "my notes.txt");
    await writeFile(path, "hello\nworld\n");
    const { code, stdout, stderr } = await tapeline(["verify", path]);
    assert.equal([code, stderr], [2, `tapeline: ${path} is no tape: there is no record on it\n`]);
    assert.match(stdout, /; no record; /);
    assert.match(stdout, /^line 1, byte 0: the first line must be an init record, but is no record\n/);
    // What a recorder leaves that was killed before it could write anything.
    const empty = await tapeline(["verify", await putTape(folder, "empty", "")]);
    assert.equal([empty.code, empty.stderr], [
      2,
      `tapeline: ${join(folder, "empty.jsonl")} is no tape: there is no record on it\n`,
    ]);
    // This one was a tape: its metadata are still there.
    assert.is((await tapeline(["verify", await putTape(folder, "zeroed", "\0".repeat(99), { name: "x" })])).code, 3);
    const missing = await tapeline(["verify", "--dir", folder, "none"]);
    assert.equal([missing.code, missing.stdout], [2, ""]);
  }));

test("repair puts a whole tape beside the damaged one, or in its place, and says what it did", () =>
  inScratch(async (folder) => {
    const torn = splice(damaged, damaged.length - 10, damaged.length, utf8(`x`));
    const path = await putTape(folder, "demo", torn);
    const { code, stdout, stderr } = await tapeline(["repair", path]);
    assert.equal([code, stderr], [3, ""]);
    for (
      const expected of [
        /^.*demo\.jsonl: 18 lines, 7 frames; .*damage found: \d findings$/m,
        /^ {2}kept {6}1 init, 7 frames, 5 correlations, 3 checkpoints, /m,
        /^ {2}left out {2}1 line that is no record$/m,
        /^ {12}\d+ B in .*demo-repaired\.dropped$/m,
        /^ {2}unproven {2}lines 1 to 7, lines \d+ to 18$/m,
        /^ {2}end {7}the tape had no end, and was given one$/m,
        /^.*demo-repaired\.jsonl: .*; checksums to its end; no damage found$/m,
      ]
    ) assert.match(stdout, expected);
    assert.is((await tapeline(["verify", join(folder, "demo-repaired.jsonl")])).code, 0);
    assert.equal(new Uint8Array(await readFile(path)), new Uint8Array(torn));
    const again = await tapeline(["repair", path]);
    assert.equal([again.code, again.stdout], [2, ""]);
    assert.match(again.stderr, /it exists already/);
    const inPlace = await tapeline(["repair", "--in-place", "--json", "--dir", folder, "demo"]);
    const { before, after, ...result } = JSON.parse(inPlace.stdout);
    assert.equal([inPlace.code, before.is_intact, after.is_intact, result.path], [3, false, true, path]);
    assert.equal(new Uint8Array(await readFile(result.backup_path)), new Uint8Array(torn));
    const done = await tapeline(["repair", "--in-place", path]);
    assert.equal([done.code, done.stderr], [0, ""]);
    assert.match(done.stdout, /no damage found; nothing to repair\n$/);
  }));

test("repair works on a file of any name", () =>
  inScratch(async (folder) => {
    const path = join(folder, "my session.v2");
    await writeFile(path, `${initLine("x")}#\n${frameLine(0, 1)}`);
    assert.is((await tapeline(["repair", "--to", "other", path])).code, 3);
    assert.is((await tapeline(["verify", "--dir", folder, "other"])).code, 0);
    assert.is((await tapeline(["repair", "--in-place", path])).code, 3);
    assert.is((await tapeline(["verify", path])).code, 0);
    assert.match(await readFile(`${path}.dropped`, "utf8"), /^#\n$/);
  }));

test("repair refuses what contradicts itself", async () => {
  const { code, stderr } = await tapeline(["repair", "--to", "x", "--in-place", "demo"]);
  assert.equal([code, stderr], [2, "tapeline: --to and --in-place exclude each other\n"]);
});

test.run();
