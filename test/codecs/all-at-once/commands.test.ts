import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { generateSigningKey } from "../../../src/signing/keys.ts";
import { keyOwner } from "../../cli/commands/keys/encrypted.ts";
import { RunningCommand, tapeline } from "../../cli/run-command.ts";
import { recorded, shell, talkWith } from "../../helpers/mcp/stdio-client.ts";
import { inScratch } from "../../helpers/scratch.ts";
import { SECRETS } from "./session.ts";

const test = suite("all at once, by commands");
const COUNT = 60;

/** The lines that a client sends: each is a request with a secret, and the server says the same. */
function lineOf(id: number): string {
  const params = { name: "read_file", arguments: { text: `keep ${id}`, secret: SECRETS[id % SECRETS.length] } };
  return `${JSON.stringify({ jsonrpc: "2.0", id, method: "tools/call", params })}\n`;
}

/** No file says anything of what was recorded. */
async function assertHidden(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const text = await readFile(join(folder, name), "latin1");
    assert.not.match(text, /jsonrpc|read_file|tools\/call|REDACTED|keep /, name);
    for (const secret of SECRETS) assert.not.ok(text.includes(secret), name);
  }
}

test("record with all options is tailed, killed, ended, verified, filtered, replayed and decrypted", () =>
  inScratch(async (folder) => {
    const tapes = join(folder, "tapes");
    await mkdir(tapes);
    const ada = await keyOwner(join(folder, "ada.key"));
    const { privateKey, publicKey } = await generateSigningKey();
    const pem = join(folder, "signing.pem");
    await writeFile(pem, privateKey);
    const env = { TAPELINE_DIR: tapes, TAPELINE_IDENTITY: ada.path };
    const run = async (...args: readonly string[]): Promise<string> => {
      const { code, stdout, stderr } = await tapeline(args, { env });
      assert.is(code, 0, `${args.join(" ")}: ${stderr}`);
      return stdout;
    };

    const options = ["--dir", tapes, "--redact", "--compress", "--encrypt-to", ada.recipient, "--sign", pem];
    await talkWith(recorded(shell("cat"), options), async (peer) => {
      peer.send(lineOf(0));
      await peer.text("keep 0");
      await using tail = new RunningCommand(["tail", "--wait", "--json"], { env });
      assert.match(await tail.line(), /"type":"(init|frame)"/);
      for (let id = 1; id < COUNT; id++) peer.send(lineOf(id));
      // What has been followed is on the tape: the last request, and its answer, which comes last.
      for (let last = 0; last < 2;) if ((await tail.line()).includes(`keep ${COUNT - 1}`)) last++;
      peer.child.kill("SIGKILL");
    });
    await run("repair", "--in-place");
    await run("verify");
    await assertHidden(tapes);

    const [seen, lines] = [await run("replay", "--at-once", "--from", "client"), await run("cat", "--json")];
    const messages = seen.trim().split("\n").map((line) => JSON.parse(line));
    assert.equal(messages.map(({ id }) => id), Array.from({ length: COUNT }, (_, id) => id));
    for (const secret of SECRETS) assert.not.ok(lines.includes(secret));
    assert.match(messages[1].params.arguments.secret, /^\[REDACTED:/);

    const some = join(tapes, "some.jsonl");
    await run("filter", "-o", some, "--sign", pem, 'text:"keep 7"', "latest");
    await run("verify", "--signer", publicKey, some);
    await assertHidden(tapes);
    assert.match(await run("cat", "--raw", some), /keep 7"/);

    const plain = join(folder, "plain.jsonl");
    const latest = (await readdir(tapes)).find((name) => /^01.*\.jsonl$/.test(name))!;
    await run("decrypt", "-o", plain, join(tapes, latest));
    const frames = (text: string) => text.split("\n").filter((line) => line.startsWith('{"type":"frame"'));
    assert.equal(frames(await readFile(plain, "utf8")), frames(lines));
    assert.is(frames(lines).length, 2 * COUNT);
    await run("verify", plain);
  }));

test.run();
