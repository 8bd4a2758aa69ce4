import { access, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { verifyTape } from "../../../../src/mod.ts";
import { fileStore } from "../../../../src/file.ts";
import { tapesIn } from "../../../helpers/mcp/recorded-server.ts";
import { recorded, shell, talkWith } from "../../../helpers/mcp/stdio-client.ts";
import { inScratch } from "../../../helpers/scratch.ts";
import { knownSecrets } from "../../../redact/secrets.ts";
import { tapeline } from "../../run-command.ts";
import { assertNoSecrets, textsIn } from "./leaky-tape.ts";

/** Sends back what it gets, and says it on stderr as well; one secret stands in its arguments. */
const LEAKY = [...shell("{ tee /dev/fd/4 4>&1 >&3 | cat >&2; } 3>&1"), "--api-key", "s3cretS3cret1"];

/** Lines with a secret: a call, an answer, JSON in JSON, base64, and what is no JSON. */
function linesWith(secret: string, id: number): string[] {
  const call = { jsonrpc: "2.0", id, method: "tools/call", params: { name: "login", arguments: { text: secret } } };
  const body = JSON.stringify({ deep: [secret] });
  const result = { content: [{ type: "text", text: body }], blob: btoa(`some text, then ${secret} and more`) };
  return [
    JSON.stringify(call),
    JSON.stringify({ jsonrpc: "2.0", id, result }),
    JSON.stringify({ jsonrpc: "2.0", method: "x", params: { password: "s3cretS3cret1" } }),
    ...secret.split("\n").map((line) => secret.includes("\n") ? line : `no JSON: ${line}`),
  ];
}

/** Records a session in which every known secret is said, each line of it in two chunks; nothing of what passes is changed. */
async function recordLeaks(folder: string, options: readonly string[]): Promise<void> {
  let sent = "";
  const seen = await talkWith(
    recorded(LEAKY, ["--dir", folder, "--name", knownSecrets().npm!, ...options]),
    async (peer) => {
      let id = 0;
      for (const secret of Object.values(knownSecrets())) {
        for (const line of linesWith(secret, ++id)) {
          const half = Math.max(1, line.indexOf(secret.slice(0, 8)) + Math.floor(secret.length / 2)) % line.length;
          for (const part of [line.slice(0, half), `${line.slice(half)}\n`]) {
            peer.send(part);
            sent += part;
            await peer.bytes(sent.length);
          }
        }
      }
      peer.end();
    },
  );
  assert.equal([seen.code, seen.stdout.toString(), seen.stderr.toString()], [0, sent, sent]);
}

test("record --redact leaves every secret out of every file, and passes all on as it is", () =>
  inScratch(async (folder) => {
    await recordLeaks(folder, ["--redact", "--session", knownSecrets().githubClassic!]);
    assert.equal((await readdir(folder)).map((name) => name.replace(/^[^.]*/, "")).sort(), [".jsonl", ".meta.json"]);
    assertNoSecrets(...await textsIn(folder));
    const [tape] = await tapesIn(folder);
    assert.is((await verifyTape(fileStore(folder), tape!.tapeId)).isIntact, true);
    const secrets = Object.keys(knownSecrets()).length;
    assert.ok(tape!.frames.length > 8 * secrets && tape!.log.length > 4 * secrets);
    assert.match(JSON.stringify(tape!.metadata), /"name":"\[REDACTED:npm-token:/);
    // The same secret is the same token in a call, in its answer and in the log, so they can still be matched.
    const tokens = JSON.stringify(tape!.records).match(/\[REDACTED:stripe-key:[0-9a-f]{12}\]/g)!;
    assert.ok(tokens.length >= 6);
    assert.is(new Set(tokens).size, 1);
    assert.is((await tapeline(["scan", "--dir", folder])).code, 0);
  }));

test("record --redact --compress leaves them out of what is compressed, by the rules of a policy as well", () =>
  inScratch(async (folder) => {
    const policy = join(folder, "policy.json");
    await writeFile(policy, JSON.stringify({ rules: [{ name: "tool", paths: ["/params/name"] }] }));
    const tapes = join(folder, "tapes");
    await recordLeaks(tapes, ["--redact", policy, "--compress"]);
    const [tape] = await tapesIn(tapes);
    const text = JSON.stringify(tape!.records);
    assert.match(text, /"name":"\[REDACTED:tool:/);
    const scanned = await tapeline(["scan", "--json", "--policy", policy, "--dir", tapes]);
    assert.equal([scanned.code, JSON.parse(scanned.stdout).count], [0, 0]);
    assertNoSecrets(text);
  }));

test("a word behind --redact is a policy where it ends in .json; a wrong one ends with 2 before the server is started", () =>
  inScratch(async (folder) => {
    const policy = join(folder, "policy.json");
    const started = join(folder, "started");
    const record = (...redact: string[]) => tapeline(["record", "--dir", folder, ...redact, "touch", started]);
    await writeFile(policy, '{"ruls":[]}');
    for (const redact of [["--redact", policy], [`--redact=${policy}`]]) {
      const { code, stderr } = await record(...redact);
      assert.equal([code, stderr], [
        2,
        `tapeline: Cannot use the policy ${policy}: ruls: there is no such name; did you mean rules?\n`,
      ]);
    }
    const missing = await record("--redact=gone");
    assert.equal([missing.code, missing.stderr], [2, "tapeline: Cannot read the policy gone: there is no such file\n"]);
    await writeFile(policy, '{"key":"NO_SUCH_VARIABLE"}');
    assert.match((await record("--redact", policy)).stderr, /variable NO_SUCH_VARIABLE, which is not set\n$/);
    await writeFile(policy, '{"secretlint":true}');
    const why = "secretlint looks only through tapes that are there already";
    assert.is((await record("--redact", policy)).stderr, `tapeline: Cannot use the policy ${policy}: ${why}\n`);
    assert.is(await access(started).then(() => true, () => false), false);
    assert.equal((await readdir(folder)).filter((name) => name !== "policy.json"), []);
    assert.is((await record("--redact")).code, 0);
    await access(started);
  }));

test.run();
