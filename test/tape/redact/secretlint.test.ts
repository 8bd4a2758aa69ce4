import { suite } from "uvu";
import * as assert from "uvu/assert";
import { memoryStore, StreamingTapeWriter, type TapeStore } from "../../../src/mod.ts";
import { loadPolicy, redact, redaction, redactTape, scanTape, type SecretFinding } from "../../../src/redact.ts";
import { knownSecrets } from "../../redact/secrets.ts";

const test = suite("secretlint");
const policy = { secretlint: true };
const key = "a key that is long enough";
/** One that only secretlint knows. */
const secret = "xo" + "xo-a1-b2c3d4";

/** A tape with texts in arguments, in other ways to spell them, in logs and in metadata. */
async function tapeWith(text: string): Promise<TapeStore> {
  const store = memoryStore();
  const metadata = { name: "it", description: `with ${text}` };
  const writer = await StreamingTapeWriter.create(store, { sessionId: "demo", tapeId: "a", metadata });
  const args = { text, nested: JSON.stringify({ a: [text] }), base64: btoa(`some text, then ${text} and more`) };
  await writer.writeFrame({
    message: { id: 1, method: "x", params: { ...args, [text]: 1 } },
    direction: "client_to_server",
  });
  await writer.writeLog("stderr", `saw ${text}`);
  await writer.writeFrame({ raw: `oops ${text}`, direction: "server_to_client" });
  await writer.finalize();
  return store;
}

test("what only secretlint knows is found everywhere, and replaced by one token", async () => {
  const store = await tapeWith(`value ${secret} here`);
  assert.is((await scanTape(store, "a")).count, 0);
  const findings: SecretFinding[] = [];
  const { rules } = await scanTape(store, "a", { policy, onFinding: (finding) => findings.push(finding) });
  assert.equal(rules, { "secretlint-slack": 7 });
  assert.equal(findings[0], { rule: "secretlint-slack", line: 2, seq: 0, place: "/env/message/params/text" });
  assert.not(JSON.stringify(findings).includes(secret.slice(-7)));

  const made = await redactTape(store, "a", { to: "b", policy, key });
  assert.equal(made.rules, rules);
  assert.not.equal(made.policy, (await loadPolicy()).hash);
  const text = new TextDecoder().decode((await store.get("b.jsonl"))!) +
    new TextDecoder().decode((await store.get("b.meta.json"))!);
  assert.not(text.includes(secret.slice(-7)));
  const tokens = text.match(/\[REDACTED:secretlint-slack:[0-9a-f]{12}\]/g)!;
  assert.is(tokens.length, 6, "and one in base64");
  assert.is(new Set(tokens).size, 1);
  assert.is((await scanTape(store, "b", { policy })).count, 0);
});

test("what is known here has its own name, and what was taken out is no secret any more", async () => {
  const { database = "", githubClassic = "", slackHook = "" } = knownSecrets();
  const store = await tapeWith([database, githubClassic, slackHook].join(" and "));
  const plain = await scanTape(store, "a");
  assert.equal(await scanTape(store, "a", { policy }), plain);
  await redactTape(store, "a", { to: "b" });
  assert.is((await scanTape(store, "b", { policy })).count, 0);
});

test("no text switches off what is looked for in itself, or in others", async () => {
  for (const type of ["disable", "disable-line", "disable-next-line"]) {
    const store = await tapeWith(`// secretlint-${type}\n${secret} // secretlint-${type}`);
    assert.is((await scanTape(store, "a", { policy })).rules["secretlint-slack"], 7, type);
  }
});

test("secretlint is not for tapes that are being recorded", async () => {
  const message = "Cannot use a redaction policy: secretlint: it looks only through tapes that are there already";
  const loaded = await loadPolicy({ ...policy, rules: [{ name: "x", pattern: "abc" }] });
  for (const act of [() => redact(policy), () => redaction(policy), () => redaction(loaded)]) {
    try {
      act();
      assert.unreachable();
    } catch (error) {
      assert.is((error as Error).message, message);
    }
  }
});

test("a tape that is longer than what is looked through at once is looked through to its end", async () => {
  const store = memoryStore();
  const writer = await StreamingTapeWriter.create(store, { sessionId: "demo", tapeId: "a" });
  for (let id = 0; id < 40; id++) {
    const filling = `${id} ${"lorem ipsum ".repeat(1000)}`;
    await writer.writeFrame({
      message: { id, text: id % 10 === 9 ? `${filling}${secret} ${id}` : filling },
      direction: "client_to_server",
    });
  }
  await writer.finalize();
  const seqs: unknown[] = [];
  await scanTape(store, "a", { policy, onFinding: ({ seq }) => seqs.push(seq) });
  assert.equal(seqs, [9, 19, 29, 39]);
  const signal = AbortSignal.abort(new Error("enough"));
  assert.is(await scanTape(store, "a", { policy, signal }).then(() => "", (error) => error.message), "enough");
});

test.run();
