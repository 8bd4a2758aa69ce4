import { appendFile, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { NO_KEYS } from "../../../../src/cli/arguments/keys/tape-keys.ts";
import { openTape } from "../../../../src/cli/arguments/tape-argument.ts";
import { checkClean } from "../../../../src/cli/commands/pack/share.ts";
import { isTapeError } from "../../../../src/errors.ts";
import { loadPolicy } from "../../../../src/redact.ts";
import { fileStore } from "../../../../src/stores/file.ts";
import { StreamingTapeWriter } from "../../../../src/tape/write/writer.ts";
import { inScratch } from "../../../helpers/scratch.ts";
import { knownSecrets, leaks } from "../../../redact/secrets.ts";
import { tapeline } from "../../run-command.ts";

const secrets = knownSecrets();

/** A tape `demo` with every secret in many places, and in its metadata. */
async function withSecrets(folder: string): Promise<string> {
  const metadata = { name: "mine", description: `made with ${secrets["jwt"]}` };
  const writer = await StreamingTapeWriter.create(fileStore(folder), { sessionId: "s", tapeId: "demo", metadata });
  for (const [name, secret] of Object.entries(secrets)) {
    const blob = btoa(`some text, then ${secret} and so on`);
    const params = { name: "x", arguments: { text: secret, blob, nested: JSON.stringify({ a: [secret] }) } };
    await writer.writeFrame({ message: { id: name, method: "tools/call", params }, direction: "client_to_server" });
    const raw = `not JSON: ${secret.replaceAll("\n", " ")}`;
    await writer.writeFrame({ raw, direction: "server_to_client" });
    for (const line of `the secret is ${secret}`.split("\n")) await writer.writeLog("stderr", line);
  }
  await writer.finalize();
  return join(folder, "demo.jsonl");
}

test("share makes one file in which no secret is left, and which every command reads", () =>
  inScratch(async (folder) => {
    const path = await withSecrets(folder);
    const before = await readFile(path);
    const { code, stdout, stderr } = await tapeline(["share", "--dir", folder, "--json", "demo"]);
    assert.equal([code, stderr], [0, ""]);
    const result = JSON.parse(stdout) as { path: string; tape_id: string; rules: Record<string, number> };
    assert.is(result.path, join(folder, "demo.shared.jsonl.zst"));
    assert.ok(result.rules["jwt"]! >= 5, stdout);
    assert.not.match(stdout, /eyJ/);

    assert.equal((await readdir(folder)).sort(), ["demo.jsonl", "demo.meta.json", "demo.shared.jsonl.zst"]);
    assert.equal(await readFile(path), before);
    const printed = await tapeline(["cat", "--raw", result.path]);
    const info = await tapeline(["info", "--json", result.path]);
    for (const [name, secret] of Object.entries(secrets)) {
      for (const { stdout } of [printed, info]) assert.not.ok(leaks(stdout, secret), name);
    }
    assert.is((await tapeline(["verify", result.path])).code, 0);
    assert.is((JSON.parse(info.stdout) as { tape_id: string }).tape_id, result.tape_id);
    const told = await tapeline(["grep", "--json", "/REDACTED:jwt/", result.path]);
    assert.is(told.code, 0);
  }));

test("share leaves out whose machine it was, and a torn last line, and is not listed as a tape of the folder", () =>
  inScratch(async (folder) => {
    const environment = { hostname: "adas-machine", user: "ada", runtime: "node" };
    const options = { sessionId: "s", tapeId: "demo", metadata: { environment } };
    const writer = await StreamingTapeWriter.create(fileStore(folder), options);
    for (let id = 0; id < 1000; id++) {
      const params = { text: `message ${id} `.repeat(20) };
      await writer.writeFrame({ message: { id, method: "m", params }, direction: "client_to_server" });
    }
    await writer.finalize();
    await appendFile(join(folder, "demo.jsonl"), '{"type":"fra');
    const { code, stderr } = await tapeline(["share", "--dir", folder, "demo"]);
    assert.equal([code, stderr.replace(/\S+demo/, "demo")], [
      3,
      "tapeline: demo.jsonl is not complete: its last line is torn, and is left out\n",
    ]);
    const info = await tapeline(["info", "--json", join(folder, "demo.shared.jsonl.zst")]);
    assert.match(info.stdout, /"runtime":"node"/);
    assert.not.match(info.stdout, /adas-machine|"ada"/);
    // The index in it is used under the name that it has got.
    const { stdout } = await tapeline(["verify", join(folder, "demo.shared.jsonl.zst")]);
    assert.not.match(stdout, /index/);
    assert.match(stdout, /no damage found/);
    const listed = await tapeline(["list", "--dir", folder]);
    assert.not.match(listed.stderr, /not listed/);
    const clean = await tapeline(["redact", "-o", join(folder, "clean.jsonl"), "--dir", folder, "demo"]);
    assert.is(clean.code, 3);
    assert.match(clean.stderr, /its last line is torn, and is left out/);
    assert.is((await tapeline(["verify", join(folder, "clean.jsonl")])).code, 0);
  }));

test("share --keep leaves in what a built-in rule finds, and a policy takes out more", () =>
  inScratch(async (folder) => {
    const path = await withSecrets(folder);
    const policy = join(folder, "policy.json");
    await writeFile(policy, JSON.stringify({ rules: [{ name: "tool", paths: ["/params/name"] }] }));
    const output = join(folder, "out.jsonl.zst");
    const shared = await tapeline(["share", "--keep", "jwt", "--policy", policy, "-o", output, path]);
    assert.equal([shared.code, shared.stderr], [0, ""]);
    assert.match(shared.stdout, /out\.jsonl\.zst: .* secrets taken out: .*\b\d+ tool\b/);
    const { stdout } = await tapeline(["cat", "--raw", output]);
    assert.ok(stdout.includes(secrets["jwt"]!));
    assert.match(stdout, /"name":"\[REDACTED:tool:[0-9a-f]{12}\]"/);
    const again = await tapeline(["share", "-o", output, path]);
    assert.is(again.code, 2);
    assert.match(again.stderr, /it is there already; --force replaces it/);
    assert.is((await tapeline(["share", "--force", "-o", output, path])).code, 0);
    assert.not.ok((await tapeline(["cat", "--raw", output])).stdout.includes(secrets["jwt"]!));
  }));

test("what cannot be shared leaves nothing behind, and says why", () =>
  inScratch(async (folder) => {
    const path = await withSecrets(folder);
    const policy = join(folder, "policy.json");
    const cases: [args: string[], policy: string, why: RegExp][] = [
      [["--policy", policy], "{", /Cannot use the policy .*policy\.json: it is not JSON/],
      [
        ["--policy", policy],
        '{"rules":[{"name":"X","keys":["a"]}]}',
        /policy\.json: rules\.0\.name: Expected small letters/,
      ],
      [["--policy", policy], '{"keep":["jwtt"]}', /policy\.json: keep\.0: .*did you mean jwt\?/],
      [["--policy", policy], '{"key":"TAPELINE_TEST_KEY"}', /the variable TAPELINE_TEST_KEY, which is not set/],
      [["--policy", join(folder, "none.json")], "", /Cannot read the policy .*none\.json: there is no such file/],
      [["--keep", "jwtt"], "", /--keep jwtt: there is no such built-in rule; did you mean jwt\?/],
      [["--level", "20"], "", /--level must be a whole number from 1 to 19/],
      [["-o", join(folder, "out.jsonl")], "", /the name of a packed tape ends in \.jsonl\.zst/],
      [["-o", "-"], "", /share needs a file/],
    ];
    await writeFile(policy, "{}");
    const before = (await readdir(folder)).sort();
    for (const [args, text, why] of cases) {
      if (text !== "") await writeFile(policy, text);
      const { code, stderr } = await tapeline(["share", ...args, path]);
      assert.match(stderr, why);
      assert.is(code, 2, stderr);
    }
    assert.equal((await readdir(folder)).sort(), before);
  }));

test("tokens of policies with one key are the same, and the key is in no file", () =>
  inScratch(async (folder) => {
    const path = await withSecrets(folder);
    const policy = join(folder, "policy.json");
    await writeFile(policy, '{"key":"TAPELINE_TEST_KEY"}');
    const env = { TAPELINE_TEST_KEY: "only for this test, not a secret" };
    const tokens: string[][] = [];
    for (const name of ["a", "b"]) {
      const output = join(folder, `${name}.jsonl.zst`);
      assert.is((await tapeline(["share", "--policy", policy, "-o", output, path], { env })).code, 0);
      const { stdout } = await tapeline(["cat", "--raw", output]);
      tokens.push(stdout.match(/\[REDACTED:[^\]]*\]/g)!);
      assert.not.ok(stdout.includes(env.TAPELINE_TEST_KEY));
    }
    assert.ok(tokens[0]!.length > 100);
    assert.equal(tokens[0], tokens[1]);
    const short = await tapeline(["share", "--policy", policy, path], { env: { TAPELINE_TEST_KEY: "short" } });
    assert.match(short.stderr, /TAPELINE_TEST_KEY, which is shorter than 16 bytes/);
  }));

test("what is written is looked through again, and refused where a secret is still in it", () =>
  inScratch(async (folder) => {
    const path = await withSecrets(folder);
    const tape = await openTape(path, folder, NO_KEYS);
    const given = { policy: await loadPolicy() };
    const { signal } = new AbortController();
    const error = await checkClean(fileStore(folder), "demo", { tape, given }, signal).catch((error) => error);
    assert.ok(isTapeError(error, "internal"));
    assert.match(error.message, /demo\.jsonl: \d+ secrets of .*\bjwt\b.* would still be in it$/);
    assert.not.match(error.message, /eyJ/);
  }));

test.run();
