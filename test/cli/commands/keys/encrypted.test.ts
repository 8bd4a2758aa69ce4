import { spawnSync } from "node:child_process";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import process from "node:process";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { keysOf } from "../../../../src/cli/arguments/keys/key-options.ts";
import type { Command } from "../../../../src/cli/command.ts";
import { FolderTapes } from "../../../../src/cli/listing/folder-tapes.ts";
import { command, type CommandLine, quoted, talkWith } from "../../../helpers/mcp/stdio-client.ts";
import { fileStore } from "../../../../src/file.ts";
import { StreamingTapeWriter } from "../../../../src/mod.ts";
import { request } from "../../../helpers/tapes.ts";
import { RunningCommand } from "../../run-command.ts";
import { inScratch } from "../../../helpers/scratch.ts";
import { commands } from "../../commands.ts";
import { FakeIo } from "../../fake-io.ts";
import { type Ending, runIn } from "../derive/in-process.ts";
import { type KeyOwner, keyOwner, lockKey, putEncrypted } from "./encrypted.ts";

const SENTENCE = /^tapeline: \S+ is encrypted; --identity FILE or --passphrase opens it\n$/;

function named(name: string): Command {
  return commands.find((each) => each.name === name)!;
}

/** A folder with a plain tape, one of each of two owners, and one with a passphrase. */
async function withTapes(act: (folder: string, ada: KeyOwner, bob: KeyOwner) => Promise<void>): Promise<void> {
  await inScratch(async (folder) => {
    const [ada, bob] = [await keyOwner(join(folder, "ada.key")), await keyOwner(join(folder, "bob.key"))];
    await putEncrypted(folder, "plain", undefined);
    await putEncrypted(folder, "adas", { recipients: [ada.recipient] });
    await putEncrypted(folder, "bobs", { recipients: [bob.recipient] });
    await putEncrypted(folder, "secret", { passphrase: "horse", workFactor: 10 });
    await act(folder, ada, bob);
  });
}

function run(folder: string, args: readonly string[], options: ConstructorParameters<typeof FakeIo>[0] = {}) {
  const io = new FakeIo({ ...options, env: { TAPELINE_DIR: folder, ...options.env } });
  return runIn(named(args[0]!), args.slice(1), io);
}

test("every command that reads a tape says what opens one that is encrypted", () => {
  const without = ["record", "convert", "keygen", "demo"];
  for (const { name, help } of commands) {
    assert.is(/^ {2}--identity FILE /m.test(help), !without.includes(name), name);
  }
});

test("with its identity an encrypted tape is told as a plain one is, to its end", () =>
  withTapes(async (folder, ada) => {
    const args = ["--identity", ada.path];
    for (
      const words of [["cat"], ["tail", "--no-follow"], ["cat", "--where", "at:+0s.."], [
        "tail",
        "-n",
        "99",
        "--where",
        "at:+0s..",
      ]]
    ) {
      const plain = await run(folder, [...words, "plain"]);
      assert.is(plain.code, 0, plain.error);
      const told = await run(folder, [...words, ...args, "adas"]);
      assert.equal(timeless(told.stdout), timeless(plain.stdout), words.join(" "));
    }
    assert.match((await run(folder, ["cat", ...args, "adas"])).stdout, /end of the tape .*2 frames, /);
  }));

/** Two recordings of the same differ in their times. */
function timeless(text: string): string {
  return text.replace(/ +\d+(\.\d+)? (µs|ms|s)\b/g, " T").replace(/^ +\d+\.\d{3}/gm, "").replace(/\d{4}-\S+ \S+/g, "");
}

test("what tapes are called is known to compress and decompress with a key, and to nobody without one", () =>
  withTapes(async (folder, ada) => {
    const args = ["--identity", ada.path, "--json"];
    const packed = await run(folder, [
      "compress",
      "--blocks",
      ...args,
      "-o",
      join(folder, "packed.jsonl.zst"),
      "hidden adas",
    ]);
    assert.is(packed.code, 0, packed.error);
    const without = await run(folder, ["compress", "--blocks", "hidden adas"]);
    assert.match(`${without.error}`, /it is neither a file nor an id or a name of a tape/);
    await run(folder, ["rm", "--yes", "--identity", ada.path, "adas"]);
    const unpacked = await run(folder, ["decompress", ...args, "-o", join(folder, "again.jsonl"), "hidden adas"]);
    assert.is(unpacked.code, 0, unpacked.error);
  }));

test("verify and list say what they could not look at without a key", () =>
  withTapes(async (folder, ada) => {
    const locked = await run(folder, ["verify", "adas"]);
    assert.match(locked.stdout, /; no damage found; what is encrypted was not opened\n$/);
    assert.is(JSON.parse((await run(folder, ["verify", "--json", "adas"])).stdout).is_locked, true);
    const opened = await run(folder, ["verify", "--identity", ada.path, "adas"]);
    assert.match(opened.stdout, /; no damage found\n$/);
    const listed = await run(folder, ["list", "--where", "name:hidden", "--identity", ada.path]);
    assert.match(listed.stderr, /2 encrypted tapes could not be asked all of that/);
  }));

test("with its identity, however that is given, an encrypted tape is read as any other", () =>
  withTapes(async (folder, ada, bob) => {
    const plain = await run(folder, ["cat", "--raw", "plain"]);
    assert.match(plain.stdout, /hidden\/method[^]*hidden answer/);
    const both = ["--identity", bob.path, "--identity", ada.path];
    assert.equal(await run(folder, ["cat", "--raw", ...both, "adas"]), plain);
    for (const paths of [[ada.path], [bob.path, "", ada.path]]) {
      const env = { TAPELINE_IDENTITY: paths.join(delimiter) };
      assert.equal(await run(folder, ["cat", "--raw", "adas"], { env }), plain);
    }
    assert.equal(await run(folder, ["cat", "--raw", ...both, "hidden adas"]), plain);
    const env = { TAPELINE_PASSPHRASE: "horse", TAPELINE_IDENTITY: "/no/such/file" };
    assert.equal(await run(folder, ["cat", "--raw", "--passphrase", "secret"], { env }), plain);
    for (const args of [["grep", "-c", "kind:request"], ["show", "0"].toReversed(), ["replay"], ["tail"]]) {
      const [name, ...rest] = args[0] === "0" ? ["show"] : args as [string, ...string[]];
      const tail = name === "show" ? ["adas", "0"] : [...rest, "adas"];
      assert.match((await run(folder, [name, ...both, ...tail])).stdout, name === "grep" ? /^1$/m : /hidden\/method/);
    }
  }));

test("without a key the shape of an encrypted tape is shown where that makes sense, and one sentence says why no more", () =>
  withTapes(async (folder) => {
    for (const args of [["cat"], ["cat", "--json"], ["tail"], ["info"], ["info", "--json"], ["verify"], ["index"]]) {
      const { code, stdout, stderr } = await run(folder, [...args, "adas"]);
      assert.is(code, 0, args.join(" "));
      assert.match(stderr, SENTENCE, args.join(" "));
      assert.not.match(stdout, /hidden/, args.join(" "));
    }
    const shown = (await run(folder, ["cat", "adas"])).stdout.split("\n").map((line) => line.trim().split(/\s+/));
    assert.equal(shown.map((words) => words.slice(1, 4).join(" ")), [
      "start of the",
      "0 · encrypted",
      "1 · encrypted",
      "□ end of",
      "",
    ]);
    assert.is(JSON.parse((await run(folder, ["info", "--json", "adas"])).stdout).is_locked, true);
  }));

test("without a key what would be made of an encrypted tape is refused, and leaves nothing", () =>
  withTapes(async (folder) => {
    const before = await readdir(folder);
    const out = join(folder, "out.jsonl");
    const made = [["filter", "kind:request", "adas", "-o", out], ["head", "adas", "-o", out], [
      "concat",
      "adas",
      "plain",
    ]];
    const read = [["cat", "--raw", "adas"], ["grep", "kind:request", "adas"], ["show", "adas", "0"], [
      "replay",
      "adas",
    ]];
    for (const args of [...made, ...read, ["repair", "adas"], ["share", "adas"]]) {
      const { error, stdout } = await run(folder, args);
      assert.match(
        error ?? "",
        /^Cannot read \S+adas\.jsonl: it is encrypted; --identity FILE or --passphrase opens it$/,
      );
      assert.is(stdout, "");
    }
    assert.equal(await readdir(folder), before);
  }));

test("a key that does not open a tape is told of with the tape's path", () =>
  withTapes(async (folder, ada) => {
    const error = async (...args: string[]) =>
      (await run(folder, args, { env: { TAPELINE_PASSPHRASE: "wrong" } })).error;
    const path = join(folder, "bobs.jsonl");
    for (const name of ["cat", "info", "verify", "repair", "replay"]) {
      const message = await error(name, "--identity", ada.path, "bobs");
      assert.is(message, `Cannot decrypt ${path}: none of the identities opens it`, name);
    }
    const secret = join(folder, "secret.jsonl");
    assert.is(
      await error("cat", "--passphrase", "secret"),
      `Cannot decrypt ${secret}: the passphrase does not open it`,
    );
  }));

test("a folder is listed with the names of those tapes that the keys open, and nothing of the others", () =>
  withTapes(async (folder, ada) => {
    const cache = join(folder, "cache");
    const list = (...args: string[]) =>
      run(folder, ["list", ...args], { columns: 200, env: { XDG_CACHE_HOME: cache } });
    const names = ({ stdout }: Ending) => [...stdout.matchAll(/hidden (\w+)/g)].map(([, name]) => name).sort();
    const without = await list();
    assert.equal([without.code, names(without)], [0, ["plain"]]);
    assert.match(without.stdout, /bobs .* encrypted$/m);
    assert.match(
      without.stderr,
      /^tapeline: 3 tapes are encrypted; --identity FILE or --passphrase shows what is in them$/m,
    );
    const withKey = await list("--identity", ada.path);
    assert.equal([withKey.code, names(withKey)], [0, ["adas", "plain"]]);
    assert.equal(names(await list("--identity", ada.path, "--name", "hidden adas")), ["adas"]);
    const pruned = ["prune", "--keep", "0", "--dry-run", "--where", "name:hidden*"];
    assert.not.match((await run(folder, pruned)).stdout, /adas/);
    assert.match((await run(folder, [...pruned, "--identity", ada.path])).stdout, /adas/);
  }));

test("tail --all shows what is recorded for others as encrypted, and goes on with what it can read", () =>
  withTapes(async (folder, ada, bob) => {
    const record = (tapeId: string, { recipient }: KeyOwner) =>
      StreamingTapeWriter.create(fileStore(folder), { sessionId: "s", tapeId, encryptTo: { recipients: [recipient] } });
    const writers = [await record("ada-on", ada), await record("bob-on", bob)];
    await using tail = new RunningCommand(["tail", "--all", "--identity", ada.path, "--dir", folder]);
    for (const writer of writers) await writer.writeFrame(request(1, "hidden/method"));
    const lines = new Set<string>();
    while (lines.size < 2) {
      const words = (await tail.line()).split(/\s+/);
      if (words.includes("0")) lines.add(`${words[0]}: ${words.slice(3, 5).join(" ")}`);
    }
    assert.equal([...lines].sort(), ["ada-on: → hidden/method", "bob-on: · encrypted"]);
    tail.signal("SIGINT");
    const { code, stderr } = await tail.outcome();
    assert.is(code, 0, stderr);
    assert.match(stderr, /^tapeline: \S+bob-on\.jsonl is encrypted: none of the identities opens it\n$/);
    for (const writer of writers) await writer.close();
  }));

test("names of encrypted tapes get into no cache", () =>
  inScratch(async (folder) => {
    const ada = await keyOwner(join(folder, "ada.key"));
    const first = await putEncrypted(folder, "t0", { recipients: [ada.recipient] });
    for (let at = 1; at < 101; at++) {
      await writeFile(join(folder, `t${at}.jsonl`), await readFile(first));
      await writeFile(join(folder, `t${at}.meta.json`), await readFile(join(folder, "t0.meta.json")));
      await writeFile(join(folder, `p${at}.jsonl`), '{"type":"init","version":"2.0","tape_id":"p","session_id":"s",');
    }
    const cache = join(folder, "cache");
    const named = async (owner: string) => {
      const keys = await keysOf({}, new FakeIo({ env: { TAPELINE_IDENTITY: owner } }), "show");
      // By then any change of the files would show.
      const how = { keys, readAtMs: Date.now() + 60_000 };
      const tapes = await FolderTapes.in(folder, cache, new AbortController().signal, how);
      await tapes.keep();
      return tapes.rows.filter(({ name }) => name === "hidden t0").length;
    };
    assert.equal([await named(ada.path), await named(""), await named(ada.path)], [101, 0, 101]);
    const kept = (await readdir(cache)).filter((name) => name.endsWith(".list"));
    assert.is(kept.length, 1);
    assert.not.match(await readFile(join(cache, kept[0]!), "latin1"), /hidden/);
  }));

test("a file that is none of identities is wrong use, which names the file and shows nothing of it", () =>
  withTapes(async (folder, ada) => {
    const file = async (name: string, text: string) => {
      await writeFile(join(folder, name), text);
      return join(folder, name);
    };
    const cases: [path: string, why: RegExp][] = [
      [join(folder, "missing"), /^Cannot read the identity \S+missing: there is no such file$/],
      [folder, /^Cannot read the identity \S+: it is a folder$/],
      [
        await file("long", `${ada.identity}\n`.repeat(2000)),
        /^Cannot read the identity \S+long: it is too long to be one$/,
      ],
      [
        await file("wrong", "TOP-SECRET\n"),
        /^Cannot use \S+wrong: line 1 is no identity of age \(AGE-SECRET-KEY-1…\)$/,
      ],
      [await file("recipient", ada.recipient), /^Cannot use \S+recipient: line 1 is a recipient; /],
    ];
    for (const [path, why] of cases) {
      for (const name of ["cat", "list"]) {
        const { error } = await run(
          folder,
          name === "list" ? ["list", "--identity", path] : [name, "--identity", path, "adas"],
        );
        assert.match(error ?? "", why);
        assert.not.match(error ?? "", /TOP-SECRET|age1/);
      }
      const preset = await run(folder, ["cat", "adas"], { env: { TAPELINE_IDENTITY: path } });
      assert.match(preset.error ?? "", why);
      // Nobody needs it for this one.
      assert.is((await run(folder, ["cat", "plain"], { env: { TAPELINE_IDENTITY: path } })).code, 0);
    }
  }));

test("a file of identities that is encrypted asks for its passphrase, once and only where it is needed", () =>
  withTapes(async (folder, ada) => {
    await lockKey(ada, "battery");
    const questions: string[] = [];
    const askSecret = (question: string) => {
      questions.push(question);
      return Promise.resolve("battery");
    };
    const args = ["grep", "-c", "kind:request", "--identity", ada.path];
    assert.is((await run(folder, [...args, "plain"], { askSecret })).code, 0);
    assert.equal(questions, []);
    assert.is((await run(folder, [...args, "adas", "adas"], { askSecret })).code, 0);
    assert.equal(questions, [`Passphrase of ${ada.path}: `]);
    const wrong = await run(folder, [...args, "adas"], { env: { TAPELINE_PASSPHRASE: "wrong" } });
    assert.is(wrong.error, `Cannot use ${ada.path}: the passphrase is wrong, or the file is damaged`);
    for (const argument of [[...args, "adas"], ["list", "--identity", ada.path]]) {
      const { error } = await run(folder, argument);
      assert.match(
        error ?? "",
        /^Cannot ask for the passphrase of \S+: there is no terminal; \$TAPELINE_PASSPHRASE may hold it$/,
      );
    }
    const empty = await run(folder, ["cat", "--passphrase", "secret"], { askSecret: () => Promise.resolve("") });
    assert.is(empty.error, "Cannot use the passphrase: it is empty");
  }));

/** Runs a command line in a terminal of its own, with stdin and stdout elsewhere; then says whether the terminal shows what is typed. */
function inTerminal(line: CommandLine): CommandLine {
  return ["script", "-qec", `${quoted(line)} < /dev/null | cat; stty -a | grep -o ' [-]*echo '`, "/dev/null"];
}

test("a passphrase is asked for at the terminal and not shown, and the terminal is put right again, after Ctrl-C too", async () => {
  if (process.platform !== "linux" || spawnSync("script", ["--version"]).status !== 0) {
    return console.log("skip: there is no script(1) of util-linux to make a terminal with");
  }
  await withTapes(async (folder) => {
    const line = command("cat", "--raw", "--dir", folder, "--passphrase", "secret");
    for (const [keys, wanted] of [["horrse\u007f\u007f\u007fse\r", /hidden answer/], ["hor\u0003", /./]] as const) {
      const { stdout } = await talkWith(inTerminal(line), async (peer) => {
        await peer.text("Passphrase: ");
        peer.send(keys);
      });
      assert.match(String(stdout), wanted);
      assert.not.match(String(stdout), /horr?se|hor$/m);
      assert.match(String(stdout), / echo \r?\n$/);
    }
  });
});

test("one damaged line of an encrypted tape hides no other, and what is made of it does not look whole", () =>
  inScratch(async (folder) => {
    const ada = await keyOwner(join(folder, "ada.key"));
    const path = await putEncrypted(folder, "adas", { recipients: [ada.recipient] });
    const lines = (await readFile(path, "utf8")).split("\n");
    const second = lines.findIndex((line) => line.startsWith('{"type":"sealed","seq":1,'));
    const changed = lines.with(second, lines[second]!.replace(/.{8}"\}$/, 'AAAAAAAA"}'));
    const key = ["--identity", ada.path];
    await writeFile(path, changed.join("\n"));
    for (
      const args of [["grep", ...key, "method:hidden/method", path], ["cat", ...key, path], ["info", ...key, path]]
    ) {
      const { code, stdout, stderr } = await runIn(named(args[0]!), args.slice(1));
      assert.is(code, 3, args[0]);
      assert.match(stdout, /hidden\/method/, args[0]);
      assert.match(stderr, new RegExp(`line ${second + 1} at byte \\d+: Cannot open a sealed line`), args[0]);
    }
    const output = join(folder, "made.jsonl");
    assert.is((await runIn(named("filter"), [...key, "-o", output, "method:hidden/method", path])).code, 3);

    for (const [how, damaged] of [["changed", changed], ["dropped", lines.toSpliced(second, 1)]] as const) {
      await writeFile(path, damaged.join("\n"));
      const redacted = await runIn(named("redact"), [...key, "--plain", "--force", "-o", output, path]);
      assert.is(redacted.code, 3, how);
      assert.match(redacted.stderr, /lines are missing or were changed; "tapeline verify" says where/, how);
      const shared = await runIn(named("share"), [...key, "-o", join(folder, "made.jsonl.zst"), path]);
      assert.match(shared.error!, /it is damaged, or somebody has changed it; "tapeline verify" says where/, how);
      assert.not.ok((await readdir(folder)).some((name) => name.includes(".zst")), how);
    }
  }));

test.run();
