import { mkdir, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { StreamingTapeWriter } from "../../../../src/mod.ts";
import { fileStore } from "../../../../src/file.ts";
import { NO_KEYS } from "../../../../src/cli/arguments/keys/tape-keys.ts";
import { findTape } from "../../../../src/cli/arguments/tape-argument.ts";
import { list } from "../../../../src/cli/commands/store/list.ts";
import { FolderTapes } from "../../../../src/cli/listing/folder-tapes.ts";
import { widthOf } from "../../../../src/cli/terminal/text.ts";
import { inScratch } from "../../../helpers/scratch.ts";
import { FakeIo } from "../../fake-io.ts";
import { tapeline } from "../../run-command.ts";
import { init, putTape, Session } from "../../sample-tape.ts";

/** Ids and states as `list --json` has them. */
async function states(folder: string): Promise<[string, string][]> {
  const { code, stdout } = await tapeline(["list", "--json", "--dir", folder]);
  assert.is(code, 0);
  assert.match(stdout, /^([ -~]+\n)*$/, "ASCII, one line each");
  return stdout.split("\n").filter(Boolean).map((line) => JSON.parse(line)).map((
    { tape_id, state },
  ) => [tape_id, state]);
}

test("list shows all tapes, newest first, whoever recorded them", () =>
  inScratch(async (folder) => {
    const at = (day: number) => `2026-11-0${day}T00:00:00.000Z`;
    const put = (id: string, day: number, metadata?: object) => {
      const created = { created_at: at(day) };
      return putTape(folder, id, `${JSON.stringify(init(id, created))}\n`, metadata && { ...created, ...metadata });
    };
    await put("plain", 3);
    await put("done", 2, { status: "finalized", checksum: null, stats: null });
    await put("failed", 4, { status: { error: "disk full" }, tags: ["a", "b"] });
    await put("stale", 5, { status: "recording", updated_at: at(5) });
    await put("newer", 6, { status: "archived" });
    await put("broken-hint", 1);
    await writeFile(join(folder, "broken-hint.meta.json"), "{");
    await putTape(folder, "text", "hello\n");
    await mkdir(join(folder, "folder.jsonl"));
    await symlink(join(folder, "plain.jsonl"), join(folder, "link.jsonl"));
    await writeFile(join(folder, "not an id.jsonl"), "");
    await using writer = await StreamingTapeWriter.create(fileStore(folder), { sessionId: "s", tapeId: "live" });
    assert.equal(await states(folder), [
      ["live", "recording"],
      ["newer", "archived"],
      ["stale", "interrupted"],
      ["failed", "error"],
      ["plain", "unknown"],
      ["done", "finalized"],
      ["broken-hint", "unknown"],
      ["text", "invalid"],
    ]);
    await writer.finalize();
    assert.equal((await states(folder))[0], ["live", "finalized"]);
  }));

test("list is a table that keeps within the terminal, whatever the names", () =>
  inScratch(async (folder) => {
    const evil = { name: "\u001b[2J\u202e你好".repeat(30), status: "\u009bx", tags: ["\u0007"], created_at: "\u001b" };
    const stats = { frame_count: 1234567, duration_ms: 187_000, error_count: 3, tool_error_count: 2 };
    await putTape(folder, "evil", new Session("evil").plainText(), evil);
    await putTape(folder, "01JDCABCDEFGHJKMNPQRSTVWXY", "", {
      name: "demo",
      status: "finalized",
      stats,
      tags: ["first"],
    });
    for (const columns of [60, 80, 120, 200]) {
      const { code, stdout, stderr } = await tapeline(["list", "--dir", folder], { env: { COLUMNS: `${columns}` } });
      assert.equal([code, stderr], [0, ""]);
      const [titles, rule, ...rows] = stdout.trimEnd().split("\n");
      assert.match(titles!, /^TAPE +.*STATUS +STARTED/);
      assert.match(rule!, /^[─ ]+$/);
      assert.is(rows.length, 2);
      for (const row of rows) {
        assert.ok(widthOf(row) <= columns, `${columns}: ${row}`);
        assert.not(/[\p{Cc}\p{Cf}]/u.test(row));
      }
    }
    const { stdout } = await tapeline(["list", "--dir", folder], { env: { COLUMNS: "200" } });
    assert.match(stdout, /01JDCABCDEFGHJKMNPQRSTVWXY +demo +finalized +– +3m 07s +1,234,567 +3 \+ 2 tool +0 B +#first/);
  }));

test("list --name and --tag show only tapes that are like that", () =>
  inScratch(async (folder) => {
    const put = (id: string, name: string, tags: string[]) => putTape(folder, id, "", { name, tags });
    await put("a", "Web Search", ["nightly", "ci"]);
    await put("b", "search", ["ci"]);
    await put("c", "files", ["nightly"]);
    await putTape(folder, "d", "");
    const ids = async (...args: string[]) => {
      const io = new FakeIo();
      assert.is(await list.run(["--json", "--dir", folder, ...args], io), 0);
      assert.is(io.err, "");
      return io.out.split("\n").filter(Boolean).map((line) => JSON.parse(line).tape_id).sort().join("");
    };
    assert.is(await ids(), "abcd");
    assert.is(await ids("--name", "SEARCH"), "ab");
    assert.is(await ids("--tag", "nightly"), "ac");
    assert.is(await ids("--tag", "nightly", "--tag=ci"), "a");
    assert.is(await ids("--name", "search", "--tag", "ci"), "ab");
    assert.is(await ids("--tag", "night"), "");
    const io = new FakeIo();
    assert.is(await list.run(["--dir", folder, "--tag", "night"], io), 0);
    assert.equal([io.out, io.err], ["", `tapeline: of 4 tapes in ${folder} none is like that\n`]);
  }));

test("list keeps errors and size on a narrow terminal, and shortens ids so far that they still name a tape", () =>
  inScratch(async (folder) => {
    const stats = { frame_count: 1234, duration_ms: 187_000, error_count: 3 };
    const ids = [
      "01JDCABCDEFGHJKMNPQRSTVWXY",
      "01JDCABCDXFGHJKMNPQRSTVWXY",
      "01JDCABCDXFGHJKMNPQRSTVWXY-repaired",
      "x",
    ];
    const created_at = new Date().toISOString();
    for (const id of ids) {
      await putTape(folder, id, "x".repeat(2000), {
        name: "search",
        status: "finalized",
        stats,
        created_at,
        tags: ["ci"],
      });
    }
    const at = async (columns: number) => {
      const io = new FakeIo({ columns, isTty: true, env: { NO_COLOR: "1" } });
      await list.run(["--dir", folder], io);
      const [titles, _, ...rows] = io.out.trimEnd().split("\n");
      assert.ok(rows.every((row) => widthOf(row) <= columns), io.out);
      return { titles: titles!.split(/ +/), rows: rows.map((row) => row.split(/ +/)) };
    };
    const wide = await at(200);
    assert.equal(wide.titles, [
      "TAPE",
      "NAME",
      "STATUS",
      "STARTED",
      "AT",
      "DURATION",
      "FRAMES",
      "ERRORS",
      "SIZE",
      "NOTES",
    ]);
    assert.equal(wide.rows.map(([id]) => id).sort(), ids);
    const narrow = await at(80);
    assert.equal(narrow.titles.filter((title) => ["NAME", "STATUS", "ERRORS", "SIZE"].includes(title)).length, 4);
    assert.ok(narrow.rows.every((row) => row.includes("3") && row.includes("KiB")));
    for (const [brief] of narrow.rows) assert.ok(ids.includes((await findTape(brief, folder, NO_KEYS)).tapeId));
    const piped = new FakeIo({ columns: 80 });
    await list.run(["--dir", folder], piped);
    assert.equal(piped.out.split("\n")[0]!.split(/ +/), wide.titles);
    assert.equal(narrow.rows.map(([id]) => id).sort(), ["01JDCABCDE", ids[1], `${ids[1]}-`, "x"]);
    assert.equal((await at(60)).titles, ["TAPE", "STATUS", "STARTED", "ERRORS"]);
    await rm(join(folder, `${ids[2]}.jsonl`));
    assert.equal((await at(80)).titles, ["TAPE", "NAME", "STATUS", "STARTED", "DURATION", "FRAMES", "ERRORS", "SIZE"]);
    assert.equal((await at(60)).titles, ["TAPE", "NAME", "STATUS", "STARTED", "ERRORS", "SIZE"]);
  }));

test("list sorts by what --sort says, and shows as many as -n says", () =>
  inScratch(async (folder) => {
    const put = (id: string, size: number, more: object) =>
      putTape(folder, id, new Session(id).plainText().padEnd(size, "\n"), { status: "finalized", ...more });
    await put("a", 3000, {
      name: "Zoo",
      created_at: "2026-11-01T00:00:00Z",
      stats: { frame_count: 5, error_count: 0 },
    });
    await put("b", 1000, {
      name: "apple",
      created_at: "2026-11-03T00:00:00Z",
      stats: { frame_count: 9, duration_ms: 7 },
    });
    await put("c", 2000, { created_at: "2026-11-02T00:00:00Z", stats: { error_count: 1, tool_error_count: 2 } });
    await put("d", 500, { status: "archived", server_info: { name: "every" }, transport: { command: "zzz" } });
    await put("e", 400, { transport: { command: "node", args: ["server.js"] } });
    const ids = async (...args: string[]) => {
      const io = new FakeIo();
      assert.is(await list.run(["--json", "--no-cache", "--dir", folder, ...args], io), 0);
      return io.out.split("\n").filter(Boolean).map((line) => JSON.parse(line).tape_id).join("");
    };
    assert.is(await ids(), "bcaed");
    assert.is(await ids("--sort", "started", "--reverse"), "acbde");
    assert.is(await ids("--sort", "name"), "baced");
    assert.is(await ids("--sort", "size"), "acbde");
    assert.is(await ids("--sort", "size", "--reverse", "-n", "2"), "ed");
    assert.is(await ids("--sort", "frames"), "baced");
    assert.is(await ids("--sort", "errors"), "cabed");
    assert.is(await ids("--sort", "duration"), "bcaed");
    assert.is(await ids("--sort", "status"), "dbcae");
    assert.is(await ids("--sort", "server"), "debca");
    assert.is(await ids("--sort", "id"), "abcde");
    assert.is(await ids("-n", "0"), "");
    assert.is(await ids("--where", "size:>=1000 -name:Zoo"), "bc");
    const io = new FakeIo();
    await list.run(["-n", "2", "--dir", folder], io);
    assert.is(io.err, "tapeline: 2 of 5 tapes\n");
    for (const args of [["--sort", "sise"], ["-n", "-1"], ["-n", "x"], ["--where", "sise:1"]]) {
      const { code, stderr } = await tapeline(["list", ...args, "--dir", folder]);
      assert.is(code, 2, args.join(" "));
      assert.match(stderr, /^tapeline: .*(did you mean size|must be 0 or more|needs a value)/s);
    }
  }));

test("list shows what servers call themselves, or else their commands", () =>
  inScratch(async (folder) => {
    await putTape(folder, "a", "", { server_info: { name: "every\u001bthing", version: "1.0" }, status: "finalized" });
    await putTape(folder, "b", "", { transport: { command: "npx", args: ["-y", "server"] }, status: "finalized" });
    await putTape(folder, "c", "", { transport: { type: "http", url: "http://x/mcp" }, status: "finalized" });
    const { stdout } = await tapeline(["list", "--dir", folder], { env: { COLUMNS: "120" } });
    assert.match(stdout, /^TAPE +SERVER +STATUS/);
    for (const server of ["every\\\\u\\{1b\\}thing 1.0", "npx -y server", "http://x/mcp"]) {
      assert.match(stdout, new RegExp(`^[abc] +${server} +finalized`, "m"));
    }
  }));

test("list tells of what is no tape of the folder, and of what is left of tapes that are gone", () =>
  inScratch(async (folder) => {
    await putTape(folder, "a", "");
    await putTape(folder, "b", "text\n");
    await putTape(folder, "my session", "");
    await symlink(join(folder, "a.jsonl"), join(folder, "link.jsonl"));
    await writeFile(join(folder, "gone.meta.json"), "{}");
    const { code, stdout, stderr } = await tapeline(["list", "--dir", folder]);
    assert.is(code, 0);
    assert.match(stdout, /^a +empty +–/m);
    assert.match(stdout, /^b +invalid +–.*its first line must be an init record, but it reads "text"/m);
    assert.match(stderr, /^tapeline: 2 files are called \.jsonl and not listed, /m);
    assert.match(
      stderr,
      /^tapeline: there are files of 1 tape that is gone; "tapeline prune --leftovers" deletes them$/m,
    );
  }));

test("list takes no metadata that nest without end, or are too long to be metadata, and says so", () =>
  inScratch(async (folder) => {
    const text = `${JSON.stringify(init("x", { created_at: "2026-11-01T00:00:00.000Z" }))}\n`;
    for (const id of ["deep", "long", "fine"]) await putTape(folder, id, text, { status: "finalized", name: id });
    const deep = `${"[".repeat(20_000)}${"]".repeat(20_000)}`;
    await writeFile(join(folder, "deep.meta.json"), `{"tape_id":"deep","x":${deep}}`);
    // A file of zeros takes no room on the disk.
    await truncate(join(folder, "long.meta.json"), 300 * 1024 * 1024);
    assert.equal((await states(folder)).sort(), [["deep", "unknown"], ["fine", "finalized"], ["long", "unknown"]]);
    const before = process.memoryUsage().rss;
    const { rows } = await FolderTapes.in(folder, undefined, new AbortController().signal);
    assert.ok(process.memoryUsage().rss - before < 100e6);
    const fault = (id: string) => rows.find(({ tapeId }) => tapeId === id)!.fault;
    assert.match(fault("deep"), /nests deeper than 200 levels/);
    assert.match(fault("long"), /^Cannot read long\.meta\.json: it has 314572800 bytes, more than 16777216$/);
    assert.is(fault("fine"), "");
    for (const id of ["deep", "long"]) {
      const path = join(folder, `${id}.jsonl`);
      for (const args of [["cat", path], ["verify", path], ["head", "-o", join(folder, "out"), "--force", path]]) {
        const { code, stderr } = await tapeline(args);
        assert.ok(code === 0 || code === 3, `${args}: ${stderr}`);
      }
    }
  }));

test("list says on stderr that there is nothing yet", () =>
  inScratch(async (folder) => {
    for (const [args, where] of [[[], "tapes"], [["--dir", folder], folder]] as const) {
      const { code, stdout, stderr } = await tapeline(["list", ...args], { cwd: folder });
      assert.equal([code, stdout], [0, ""]);
      assert.is(stderr, `tapeline: there are no tapes in ${where} yet; "tapeline record -- COMMAND" makes one\n`);
    }
    assert.equal(await tapeline(["list", "--json"], { cwd: folder }), {
      code: 0,
      signal: null,
      stdout: "",
      stderr: "",
    });
  }));

test("list shows at a glance which sessions have failed", () =>
  inScratch(async (folder) => {
    const ends = {
      crashed: [{ signal: "SIGSEGV" }, "SIGSEGV"],
      failed: [{ exit_code: 3 }, "exit 3"],
      absent: [{ exit_code: 127, error: "Cannot start x: there is no such command" }, "not started"],
      broken: [{ error: "the connection broke" }, "failed"],
      fine: [{ exit_code: 0 }, "finalized"],
      told: [{ signal: "SIGTERM" }, "finalized"],
      told_too: [{ exit_code: 143 }, "finalized"],
      unknown: [{ exit_code: null, signal: null }, "finalized"],
    } as const;
    for (const [id, [end]] of Object.entries(ends)) {
      await putTape(folder, id, new Session(id).plainText(), { status: "finalized", end });
    }
    const { stdout } = await tapeline(["list", "--dir", folder], { env: { COLUMNS: "80" } });
    for (const [id, [, status]] of Object.entries(ends)) {
      assert.match(stdout, new RegExp(`^${id} (.* )?${status} {2}`, "m"));
    }
    // A program that reads it finds the state as before, and the end beside it.
    const json = (await tapeline(["list", "--json", "--dir", folder])).stdout.trimEnd().split("\n").map((line) =>
      JSON.parse(line)
    );
    assert.equal(new Set(json.map(({ state }) => state)), new Set(["finalized"]));
    assert.equal(json.find(({ tape_id }) => tape_id === "crashed").end, { signal: "SIGSEGV" });
  }));

test.run();
