import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { redact } from "../../../../src/cli/commands/redact/redact.ts";
import { scan } from "../../../../src/cli/commands/redact/scan.ts";
import { verify } from "../../../../src/cli/commands/verify.ts";
import { generateSigningKey } from "../../../../src/crypto.ts";
import { inScratch } from "../../../helpers/scratch.ts";
import { newPerson } from "../../../helpers/strange/signed-tapes.ts";
import { knownSecrets } from "../../../redact/secrets.ts";
import { FakeIo } from "../../fake-io.ts";
import { tapeline } from "../../run-command.ts";
import { putTape, sampleSession, Session } from "../../sample-tape.ts";
import { runIn } from "../derive/in-process.ts";
import { assertNoSecrets, putLeakyTape, textsIn } from "./leaky-tape.ts";

const secrets = knownSecrets();

test("redact makes a whole tape with metadata, without a secret, and says how many of which rule there were", () =>
  inScratch(async (folder) => {
    await putLeakyTape(folder, "leaky");
    const out = join(folder, "out");
    await mkdir(out);
    const made = await runIn(redact, ["-o", out, "--json", "--name", "clean", "--dir", folder, "leaky"]);
    assert.equal([made.code, made.error, made.stderr], [0, undefined, ""]);
    const said = JSON.parse(made.stdout);
    assert.equal((await readdir(out)).sort(), [`${said.tape_id}.jsonl`, `${said.tape_id}.meta.json`]);
    assertNoSecrets(...await textsIn(out), made.stdout);
    assert.is(said.rules.jwt, 3);
    assert.is(said.secret_count, Object.values(said.rules as Record<string, number>).reduce((sum, n) => sum + n));
    assert.equal(said.derived_from[0].tape_id, "leaky");

    assert.is((await runIn(scan, [said.path])).code, 0);
    const verified = await runIn(verify, [said.path]);
    assert.match(
      verified.stdout,
      new RegExp(`^[^\\n]*: .*${Object.keys(secrets).length} frames; checksums to its end; no damage found\n$`),
    );
    const metadata = JSON.parse(await readFile(join(out, `${said.tape_id}.meta.json`), "utf8"));
    assert.equal([metadata.name, metadata.tape_id, metadata.stats], ["clean", said.tape_id, said.stats]);
    assert.match(metadata.transport.args[1], /^\[REDACTED:named-secret:[0-9a-f]{12}\]$/);
    const text = (await runIn(redact, ["-o", join(out, "two.jsonl"), said.path])).stdout;
    assert.match(text, /two\.jsonl: \d+ frames, [\d.]+ KiB, no secret found\n$/);
  }));

test("redact sends a tape to stdout, and tells on stderr what it took out of it", () =>
  inScratch(async (folder) => {
    const path = await putLeakyTape(folder, "leaky");
    const piped = await runIn(redact, [path]);
    assert.is(piped.code, 0, piped.error);
    assert.match(piped.stderr, /^tapeline: \d+ secrets taken out: \d+ named-secret, .*\b3 jwt\b.*\n$/);
    assertNoSecrets(piped.stdout, piped.stderr);
    const copy = await putTape(folder, "copy", piped.stdout);
    assert.is((await runIn(scan, [copy])).code, 0);
    assert.match(
      (await runIn(redact, [path], new FakeIo({ isTty: true }))).error!,
      /^Cannot write a tape to a terminal/,
    );
    assert.match((await runIn(redact, ["--json", path])).error!, /^--json needs -o FILE/);
    const other = await tapeline(["redact", "-o", path, "--force", path]);
    assert.equal([other.code, other.stderr], [
      2,
      `tapeline: Cannot write ${path}: it is one of the tapes that are read\n`,
    ]);
  }));

test("redact says what the new tape lacks: a signature, lines that are damaged, frames that were lost", () =>
  inScratch(async (folder) => {
    const { signer } = await newPerson();
    const signed = await putLeakyTape(folder, "signed", { signer });
    const unsigned = await runIn(redact, ["-o", join(folder, "a.jsonl"), "--json", signed]);
    assert.is(unsigned.stderr, `tapeline: ${signed} is signed; nobody vouches for the new tape\n`);
    assert.is(JSON.parse(unsigned.stdout).was_signed, true);
    assert.not((await readFile(join(folder, "a.jsonl"), "utf8")).includes('"signature"'));

    const key = join(folder, "key.pem");
    await writeFile(key, (await generateSigningKey()).privateKey);
    const again = await runIn(redact, ["-o", join(folder, "c.jsonl"), "--sign", key, "--compress", signed]);
    assert.equal([again.code, again.stderr], [0, ""]);
    const text = await readFile(join(folder, "c.jsonl"), "utf8");
    assert.ok(text.includes('"compression":"zstd"') && text.includes('"signature"'));
    assert.match(
      (await runIn(redact, ["--plain", "--compress", signed])).error!,
      /^--plain and --compress exclude each other/,
    );

    const lossy = await putTape(folder, "lossy", `${await sampleSession("lossy").text()}no ${secrets["npm"]} record\n`);
    const told = await runIn(redact, ["-o", join(folder, "b.jsonl"), lossy]);
    assert.is(told.code, 3);
    assert.match(told.stderr, /^tapeline: Cannot [^\n]*not JSON\n/);
    const losses = "1 damaged line; 7 frames could not be recorded, as gap records say";
    assert.ok(told.stderr.endsWith(`tapeline: ${lossy} is not complete: ${losses}\n`), told.stderr);
    assertNoSecrets(await readFile(join(folder, "b.jsonl"), "utf8"), told.stderr);
  }));

test("a policy adds to what is a secret, keeps what is none, and names the key that makes tapes alike", () =>
  inScratch(async (folder) => {
    const session = new Session("own").client(1, {
      id: 1,
      params: { customer: "Ann", ssn: 123, note: "ticket-1234", token: secrets["npm"] },
    });
    const path = await putTape(folder, "own", await session.text());
    const policy = join(folder, "policy.json");
    const rules = [
      { name: "customer", keys: ["customer"] },
      { name: "ssn", paths: ["/params/ssn"] },
      { name: "ticket", pattern: "ticket-[0-9]+" },
    ];
    await writeFile(policy, JSON.stringify({ rules, keep: ["npm-token", "named-secret"], key: "TOKENS" }));
    const made = async (env: Record<string, string>) => {
      const { stdout, stderr, error } = await runIn(redact, ["--policy", policy, path], new FakeIo({ env }));
      if (error !== undefined) return error;
      assert.is(stderr, "tapeline: 3 secrets taken out: 1 customer, 1 ssn, 1 ticket\n");
      return JSON.parse(stdout.split("\n")[1]!).env.message.params;
    };
    const params = await made({ TOKENS: "a key of sixteen bytes" });
    assert.is(params.token, secrets["npm"]);
    for (const [name, rule] of [["customer", "customer"], ["ssn", "ssn"], ["note", "ticket"]]) {
      assert.match(params[name!], new RegExp(`^\\[REDACTED:${rule}:[0-9a-f]{12}\\]$`));
    }
    assert.equal(await made({ TOKENS: "a key of sixteen bytes" }), params);
    assert.not.equal((await made({ TOKENS: "another of sixteen bytes" })).customer, params.customer);
    const where = "Cannot make tokens: by the policy their key is in the variable TOKENS";
    assert.is(await made({}), `${where}, which is not set`);
    assert.is(await made({ TOKENS: "short" }), `${where}, which is shorter than 16 bytes`);
    assert.is((await runIn(scan, ["--policy", policy, path])).code, 3, "to look for secrets takes no key");
  }));

test("redact that is broken off, or fails, leaves nothing behind, and a tape that was there as it was", () =>
  inScratch(async (folder) => {
    const path = await putLeakyTape(folder, "leaky");
    const old = await putTape(folder, "old", await sampleSession("old").text());
    const before = [await readFile(old, "utf8"), (await readdir(folder)).sort()];
    const io = Object.assign(new FakeIo(), { signal: AbortSignal.abort(new Error("enough")) });
    for (const out of [join(folder, "new.jsonl"), old]) {
      assert.is((await runIn(redact, ["--force", "-o", out, path], io)).error, "enough");
    }
    const long = await putTape(folder, "long", `${await sampleSession("long").text()}${" ".repeat(11_000_000)}\n`);
    assert.match((await runIn(redact, ["--force", "-o", old, long])).error!, /^Cannot read line 64 .* the limit is/);
    assert.equal(
      [await readFile(old, "utf8"), (await readdir(folder)).filter((name) => name !== "long.jsonl").sort()],
      before,
    );
  }));

test.run();
