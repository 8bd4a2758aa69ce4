import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { onlyTapeIn, tapesIn } from "../../helpers/mcp/recorded-server.ts";
import { inScratch } from "../../helpers/scratch.ts";
import { command, type CommandLine, recorded, shell, talkWith } from "../../helpers/mcp/stdio-client.ts";

const record = (...args: string[]) => command("record", ...args);

/** The server leaves a file behind if it was started after all. */
const server = (folder: string) => shell(`touch '${folder}/started'`);

test("record says what is wrong with its options, and does not start the server", async () => {
  await inScratch(async (folder) => {
    const cases: [args: CommandLine, says: RegExp][] = [
      [record(), /^tapeline: record needs the COMMAND of a server; .*\n$/],
      [record("--"), /^tapeline: record needs the COMMAND of a server; .*\n$/],
      [record("--", ""), /^tapeline: record needs the COMMAND of a server; .*\n$/],
      [record("--nmae", ...server(folder)), /^tapeline: there is no option --nmae, did you mean --name\?.*\n$/],
      [record("-c", ...server(folder)), /^tapeline: there is no option -c.*\n$/],
      [recorded(server(folder), ["--nmae", "x"]), /^tapeline: there is no option --nmae, did you mean --name\?.*\n$/],
      [
        recorded(server(folder), ["--durability", "\u001b"]),
        /^tapeline: --durability must be buffered, .* not "\\u\{1b\}"\n$/,
      ],
      [recorded(server(folder), ["--dir"]), /^tapeline: .*--dir.*\n$/],
    ];
    for (const [line, says] of cases) {
      const { stdout, stderr, code } = await talkWith(line);
      assert.match(String(stderr), says);
      assert.is(String(stdout), "");
      assert.is(code, 2, String(stderr));
    }
    assert.equal(readdirSync(folder), []);
  });
});

test("record says that a folder cannot be written, and does not start the server", async () => {
  await inScratch(async (folder) => {
    await writeFile(join(folder, "file"), "");
    for (const dir of [join(folder, "file"), join(folder, "file", "tapes"), "/proc/tapes"]) {
      const { stdout, stderr, code } = await talkWith(recorded(server(folder), ["--dir", dir]));
      assert.match(String(stderr), /^tapeline: Cannot [^\n]*\n$/);
      assert.is(String(stdout), "");
      assert.is(code, 2);
    }
    assert.is(existsSync(join(folder, "started")), false);
  });
});

test("record makes a tape of its own for every run, for its owner only, and notes what it was told", async () => {
  await inScratch(async (folder) => {
    const dir = join(folder, "tapes");
    const options = ["--dir", dir, "--name", "a name", "--description", "more", "--tag", "one", "--tag", "two"];
    const line = recorded(shell('echo "$SECRET"; exit 0'), [...options, "--session", "s-1", "--durability", "synced"]);
    process.env.SECRET = "hidden from the tape's metadata";
    await talkWith(line, () => {});
    delete process.env.SECRET;
    const tape = await onlyTapeIn(dir);
    const { metadata } = tape;
    assert.is(metadata?.name, "a name");
    assert.is(metadata?.description, "more");
    assert.equal(metadata?.tags, ["one", "two"]);
    const { process_id, ...transport } = metadata!.transport!;
    assert.equal(transport, { type: "stdio", command: "sh", args: ["-c", 'echo "$SECRET"; exit 0'] });
    assert.ok(process_id! > 0);
    assert.type(metadata?.environment?.hostname, "string");
    const [init] = tape.records;
    assert.ok(init?.type === "init" && init.session_id === "s-1" && init.protocol_version === "unknown");
    // The server said it, so it is on the tape; that it came from the environment is not.
    assert.equal(tape.said("server_to_client"), ["hidden from the tape's metadata"]);
    assert.is(readFileSync(join(dir, `${tape.tapeId}.meta.json`), "utf8").includes("hidden"), false);

    assert.is(statSync(dir).mode & 0o777, 0o700);
    for (const name of readdirSync(dir)) assert.is(statSync(join(dir, name)).mode & 0o777, 0o600, name);
    await talkWith(line, () => {});
    assert.is((await tapesIn(dir)).length, 2);
  });
});

test("record keeps a tape of a server that could not be started", async () => {
  await inScratch(async (folder) => {
    await talkWith(recorded(["no-such-command"], ["--dir", folder]));
    const { records, frames, metadata } = await onlyTapeIn(folder);
    assert.is(frames.length, 0);
    assert.is(metadata?.status, "finalized");
    assert.ok(
      records.some((record) => record.type === "log" && record.text.startsWith("Cannot start no-such-command")),
    );
  });
});

test("record masks what looks like a secret in the arguments, wherever it shows them", async () => {
  await inScratch(async (folder) => {
    const server = shell(": the arguments behind this are not looked at");
    const secret = "s3cretX";
    const args = ["x", "--api-key", secret, `TOKEN=${secret}`, "-H", `Authorization: Bearer ${secret}`, "--port", "80"];
    const masked = [
      "x",
      "--api-key",
      "[masked]",
      "TOKEN=[masked]",
      "-H",
      "Authorization: Bearer [masked]",
      "--port",
      "80",
    ];
    for (const [name, options, expected] of [["masked", [], masked], ["kept", ["--keep-arguments"], args]] as const) {
      const dir = join(folder, name);
      const { stderr } = await talkWith(recorded([...server, ...args], ["--dir", dir, ...options]));
      assert.is(String(stderr), "");
      assert.equal((await onlyTapeIn(dir)).metadata?.transport?.args?.slice(2), expected);
    }
    const files = readdirSync(join(folder, "masked")).map((file) => readFileSync(join(folder, "masked", file), "utf8"));
    assert.is(files.some((text) => text.includes(secret)), false);

    // A command line that stands where the command should.
    const none = await talkWith(
      recorded([`no-such --token=${secret}`, "--token", secret], ["--dir", join(folder, "none")]),
    );
    assert.match(String(none.stderr), /^tapeline: Cannot start no-such --token=\[masked\]: /);
    const { records, metadata } = await onlyTapeIn(join(folder, "none"));
    assert.is(JSON.stringify([records, metadata]).includes(secret), false);
  });
});

test("record takes its command without --, and leaves the command's options to it", async () => {
  await inScratch(async (folder) => {
    // An option of ours, help, and a -- of its own: all of it is the command's.
    const args = ["-c", 'echo "$@"', "sh", "--dir", "x", "--help", "-h", "--", "y"];
    for (const [name, before] of [["with", ["--"]], ["without", []]] as const) {
      const dir = join(folder, name);
      const { stdout, stderr, code } = await talkWith(record("--dir", dir, ...before, "sh", ...args));
      assert.equal([String(stdout), String(stderr), code], ["--dir x --help -h -- y\n", "", 0]);
      assert.equal((await onlyTapeIn(dir)).metadata?.transport?.args, args);
    }
    const help = await talkWith(record("--dir", folder, "--help", "sh"));
    assert.match(String(help.stdout), /^Runs an MCP server/);
  });
});

test.run();
