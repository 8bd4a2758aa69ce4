import { readFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { SealedReader } from "../../../src/cli/summary/sealed/sealed-reader.ts";
import { TapeSummary } from "../../../src/cli/summary/tape-summary.ts";
import {
  type Direction,
  jsonText,
  lineSplit,
  memorySource,
  memoryStore,
  parseRecord,
  pipe,
  StreamingTapeWriter,
} from "../../../src/mod.ts";
import { utf8 } from "../../helpers/bytes.ts";
import {
  drops,
  flips,
  movedLines,
  sealedTape,
  spansOf,
  splice,
  swappedBlocks,
  zeroed,
} from "../../helpers/strange/damage.ts";
import { numbersFrom } from "../../helpers/random.ts";
import { SEED } from "../../helpers/seed.ts";
import { sampleSession } from "../sample-tape.ts";

const MAX_LINE_BYTES = 10 * 1024 * 1024;

/** The summary that no message is parsed for, in blocks of about that many bytes. */
function quick(tape: Uint8Array, blockBytes = Infinity): TapeSummary | undefined {
  const reader = new SealedReader(5, MAX_LINE_BYTES);
  const spans = spansOf(tape);
  for (let at = 0; at < spans.length;) {
    const { start } = spans[at]!;
    while (at < spans.length && spans[at]!.start - start < blockBytes) at++;
    if (!reader.block(tape.subarray(start, spans[at - 1]!.end))) return undefined;
  }
  return reader.end(tape.length);
}

/** The summary for which everything is parsed, and how much of the tape is no record. */
async function full(tape: Uint8Array): Promise<{ readonly summary: TapeSummary; readonly damaged: number }> {
  const summary = new TapeSummary(5);
  let damaged = 0;
  const ignore = { onError: () => void damaged++ };
  for await (const record of pipe(memorySource(tape.slice()), lineSplit(ignore), parseRecord(ignore))) {
    summary.add(record);
  }
  summary.end();
  return { summary, damaged };
}

/** All that a summary says. */
function all(summary: TapeSummary): object {
  const { invalid, logs, sessionEnd, gaps, slowest, peers, strange, stats } = summary;
  return {
    ...{ invalid, logs, sessionEnd, gaps, slowest, peers: { ...peers }, strange: strange.list() },
    stats: stats.snapshot(),
    performance: stats.performance(),
    methods: summary.methods().map(({ latencies, ...method }) => ({
      ...method,
      latencies: [latencies.count, latencies.min, latencies.max, latencies.mean],
      quantiles: [0.1, 0.5, 0.95, 0.99].map((share) => latencies.quantile(share)),
    })),
    errors: summary.errors(),
    open: summary.openCalls(),
  };
}

/** Whether a tape has a quick summary, which then says the same as the one for which all is parsed. */
async function isQuick(tape: Uint8Array, what: string, blockBytes?: number): Promise<boolean> {
  const summary = quick(tape, blockBytes);
  if (summary === undefined) return false;
  const parsed = await full(tape);
  assert.equal(all(summary), all(parsed.summary), what);
  assert.is(parsed.damaged, 0, what);
  return true;
}

interface Sent {
  readonly from: "client" | "server";
  readonly text: string;
  readonly more?: { readonly line_end?: string };
}

const client = (text: string, more = {}): Sent => ({ from: "client", text, more });
const server = (text: string, more = {}): Sent => ({ from: "server", text, more });

/** The tape of a session, finalized. */
async function tapeOf(session: readonly Sent[], options: object = {}): Promise<Uint8Array> {
  const store = memoryStore();
  const writer = await StreamingTapeWriter.create(store, { sessionId: "s", tapeId: "t", ...options });
  await send(writer, session);
  await writer.finalize();
  return (await store.get("t.jsonl"))!;
}

async function send(writer: StreamingTapeWriter, session: readonly Sent[]): Promise<void> {
  for (const { from, text, more } of session) {
    const direction: Direction = from === "client" ? "client_to_server" : "server_to_client";
    if (text.startsWith("log ")) await writer.writeLog("stderr", text);
    else if (text.startsWith("raw ")) await writer.writeFrame({ raw: text.slice(4), direction, ...more });
    else await writer.writeFrame({ message: jsonText(text), direction, ...more });
  }
}

/** A session with a handshake, spelled in the order of several SDKs. */
const SESSION: readonly Sent[] = [
  client('{"method":"initialize","params":{"clientInfo":{"name":"c","version":"1"}},"jsonrpc":"2.0","id":0}'),
  server('{"result":{"serverInfo":{"name":"s"},"protocolVersion":"2025-06-18"},"jsonrpc":"2.0","id":0}'),
  client('{"method":"notifications/initialized","jsonrpc":"2.0"}'),
  client('{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"a":"\\"id\\":7}}}"}}}'),
  server('{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"{\\"method\\":\\"x\\"}"}]}}'),
  client('{"jsonrpc":"2.0","method":"tools/call","params":{"_meta":{},"name":"far"},"id":"two"}'),
  server('{"jsonrpc":"2.0","id":"two","result":{"isError":true,"content":[{"type":"text","text":"disk full"}]}}'),
  client('{"id":3,"jsonrpc":"2.0","method":"a\\u0062"}'),
  server('{"jsonrpc":"2.0","id":3,"error":{"code":-1,"message":"no"}}'),
  server('{"jsonrpc":"2.0","method":"notifications/progress","params":{"method":"y","jsonrpc":"1.0"}}'),
  server('{"jsonrpc":"2.0","id":3,"method":"sampling/createMessage","params":{"name":"n"}}'),
  client('{"id":3,"result":{"jsonrpc":"2.0","id":4},"jsonrpc":"2.0"}'),
  server("log ready"),
  server('{"jsonrpc":"2.0","method":"z"}', { line_end: "\r\n" }),
  server("raw Server ready"),
  server('{"level":50,"id":1,"error":{}}'),
  client('{"jsonrpc":"2.0","id":9,"method":"é \ud83d\ude00"}'),
];

test("SealedReader says of a sealed tape what parsing it says, however it is cut", async () => {
  const tape = await tapeOf(SESSION, { checkpointEveryFrames: 5 });
  for (const blockBytes of [1, 500, 2000, Infinity]) {
    assert.ok(await isQuick(tape, `blocks of ${blockBytes}`, blockBytes), `${blockBytes}`);
  }
});

test("SealedReader gives up where only the messages tell", async () => {
  const good = SESSION.slice(0, 5);
  const ask = client('{"jsonrpc":"2.0","id":5,"method":"m"}');
  const answer = server('{"jsonrpc":"2.0","id":5,"result":{}}');
  const sessions: Record<string, readonly Sent[]> = {
    "an answer to nothing": [...good, server('{"jsonrpc":"2.0","id":77,"result":{}}')],
    "an id that is used again": [...good, ask, ask, answer],
    "a second answer": [...good, ask, answer, answer],
    "no version": [client('{"id":1,"method":"m"}')],
    "another version": [...good, client('{"jsonrpc":"1.0","method":"m"}')],
    "a null id": [...good, client('{"jsonrpc":"2.0","method":"m","id":null}')],
    "a null id in the middle": [...good, client('{"jsonrpc":"2.0","method":"m","id":null,"params":{}}')],
    "a batch": [...good, client('[{"jsonrpc":"2.0","id":5,"method":"m"}]')],
    "a request in raw text": [...good, client('raw {"jsonrpc":"2.0","id":5,"method":NaN,"method":"m"}')],
  };
  for (const [what, session] of Object.entries(sessions)) {
    assert.not(await isQuick(await tapeOf(session), what), what);
  }
  const few = await tapeOf([ask, ...good, ask], { correlation: { maxPending: 1 } });
  assert.not(await isQuick(few, "requests that were given up"));
  assert.not(await isQuick(await tapeOf(good, { checksums: false }), "no checksums"));
});

test("SealedReader gives up on a tape that is not final, or not sealed by who counted it", async () => {
  const tape = await tapeOf(SESSION, { checkpointEveryFrames: 5 });
  const spans = spansOf(tape);
  assert.not(await isQuick(tape.subarray(0, spans.at(-1)!.start), "no final checkpoint"));
  assert.not(
    await isQuick(
      splice(tape, tape.length, tape.length, utf8('{"type":"log","ts":9,"stream":"s","text":"t"}\n')),
      "more",
    ),
  );
  assert.not(await isQuick(splice(tape, tape.length, tape.length, tape), "two tapes in one file"));
  assert.not(await isQuick(tape.subarray(0, tape.length - 1), "a torn last line"));
  assert.not(await isQuick(utf8(sampleSession().plainText()), "another writer"));
  assert.not(await isQuick(utf8(await sampleSession().text()), "gaps"));
});

test("SealedReader reads on over a tape that was gone on with", async () => {
  const store = memoryStore();
  const first = await StreamingTapeWriter.create(store, { sessionId: "s", tapeId: "t" });
  await send(first, SESSION.slice(0, 5));
  await first.finalize({ ts: 9, exit_code: 0 });
  const again = await StreamingTapeWriter.resume(store, "t");
  await send(again, SESSION.slice(9, 12));
  await again.finalize();
  assert.ok(await isQuick((await store.get("t.jsonl"))!, "resumed"));
});

test("SealedReader notices a line that was damaged before it was sealed", async () => {
  const store = memoryStore();
  const first = await StreamingTapeWriter.create(store, { sessionId: "s", tapeId: "t" });
  await send(first, SESSION.slice(0, 5));
  const tape = (await store.get("t.jsonl"))!;
  // Within an answer, far from what a frame is known by.
  const { start, end } = spansOf(tape)[6]!;
  const at = tape.indexOf("[".charCodeAt(0), start);
  assert.ok(at > start && at < end);
  await store.put("u.jsonl", splice(tape, at, at + 1, utf8("#")));
  const again = await StreamingTapeWriter.resume(store, "u");
  await again.finalize();
  const sealed = (await store.get("u.jsonl"))!;
  assert.is((await full(sealed)).damaged, 1);
  assert.is(quick(sealed), undefined);
});

test("SealedReader has no summary for a tape with any change", async () => {
  const tape = await tapeOf(SESSION, { checkpointEveryFrames: 5 });
  const changed = [flips, drops, zeroed, swappedBlocks, movedLines].flatMap((change) => [...change(tape)]);
  // One of so many, another one of each byte.
  for (let at = 0; at < changed.length; at += 29) assert.is(quick(changed[at]!.bytes), undefined, changed[at]!.how);
});

test("SealedReader says of the tapes of others what parsing them says", async () => {
  const folder = fileURLToPath(new URL("../../../../shared/data/", import.meta.url));
  const names = await readdir(folder, { recursive: true }).catch(() => []);
  for (const name of names.filter((name) => name.endsWith(".jsonl"))) {
    await isQuick(readFileSync(`${folder}${name}`), name);
  }
  assert.not(await isQuick(sealedTape().bytes, "a tape with gaps and batches"));
});

test("SealedReader says of any session what parsing it says", async () => {
  const random = numbersFrom(SEED);
  let quickly = 0;
  for (let run = 0; run < 120; run++) {
    const session = randomSession(random, run % 3 === 0);
    const options = {
      checkpointEveryFrames: 1 + random(20),
      correlation: { timeoutMs: random(4) === 0 ? 0.001 : 9e9 },
    };
    const tape = await tapeOf(session, options);
    if (await isQuick(tape, `seed ${SEED}, run ${run}`, 1 + random(5000))) quickly++;
  }
  assert.ok(quickly > 40, `seed ${SEED}: only ${quickly} of 120 were read quickly`);
});

/** Messages in any order and spelling; of a tame session none that only its text tells. */
function randomSession(random: (below: number) => number, isWild: boolean): Sent[] {
  const pick = <T>(...choices: readonly T[]): T => choices[random(choices.length)]!;
  const shuffled = (members: readonly string[]) => {
    const rest = [...members];
    return `{${members.map(() => rest.splice(random(rest.length), 1)[0]).join(pick(",", ",", ", "))}}`;
  };
  const text = () =>
    JSON.stringify(
      pick(
        "x",
        "é☃",
        '"method":"no"',
        ',"jsonrpc":"2.0","id":1}}}',
        "\u2028\\",
        "serverInfo",
        'clientInfo":',
        "\0",
        "{}}}",
      ),
    );
  const value = (): string =>
    pick(
      text(),
      "1",
      "null",
      "true",
      `[${text()}]`,
      `{"method":${text()},"id":3}`,
      `{"jsonrpc":"1.0","name":${text()}}`,
    );
  const version = () =>
    isWild && random(8) === 0 ? pick([], ['"jsonrpc":"1.0"'], ['"jsonrpc":2']) : ['"jsonrpc":"2.0"'];
  const open: Record<Sent["from"], string[]> = { client: [], server: [] };
  let nextId = 0;
  const session: Sent[] = [];
  for (let count = random(40); count > 0; count--) {
    const from = pick("client", "server", "client");
    const other = from === "client" ? "server" : "client";
    const method = pick("ping", "tools/call", "prompts/get", "initialize", "notifications/x", "a b", "é", 'q"uote');
    const params = shuffled([
      ...random(3) > 0 ? [`"name":${pick('"echo"', text(), value())}`] : [],
      ...random(2) > 0 ? [`"arguments":${value()}`] : [],
      ...random(4) === 0 ? [`"_meta":{"io.modelcontextprotocol/clientInfo":{"name":"m"},"x":${value()}}`] : [],
      ...random(6) === 0 ? ['"clientInfo":{"name":"c","version":"2"}'] : [],
    ]);
    const withParams = random(3) > 0 ? [`"params":${params}`] : [];
    const kind = random(isWild ? 9 : 7);
    if (kind < 2) {
      const id = isWild && random(4) === 0
        ? pick("1", '"1"', "null", "1.0", "12345678901234567890", "-4")
        : random(3) === 0
        ? `"${from}-${nextId++}"`
        : `${nextId++}`;
      open[from].push(id);
      session.push({
        from,
        text: shuffled([...version(), `"id":${id}`, `"method":${JSON.stringify(method)}`, ...withParams]),
      });
    } else if (kind < 5 && open[other].length > 0) {
      const id = open[other].splice(random(open[other].length), 1)[0]!;
      const result = pick(
        [`"result":${value()}`],
        [`"result":{"a":${value()},"protocolVersion":"1","serverInfo":{"name":${text()}}}`],
        [`"result":{"content":[{"type":"text","text":${text()}}],"isError":${pick("true", "false")}}`],
        [`"error":{"code":${pick("-1", '"e"')},"message":${text()}}`],
      );
      session.push({ from, text: shuffled([...version(), `"id":${id}`, ...result]) });
    } else if (kind < 6) {
      session.push({ from, text: shuffled([...version(), `"method":${JSON.stringify(method)}`, ...withParams]) });
    } else if (kind < 7) {
      session.push(pick(
        { from, text: `log ${text()}` },
        { from, text: `raw ${text()}x` },
        { from, text: '{"jsonrpc":"2.0","method":"n"}', more: { line_end: pick("", "\r\n") } },
        { from, text: shuffled(['"level":30', `"method":${value()}`]) },
        {
          from,
          text: `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":${open[from][0] ?? 0}}}`,
        },
      ));
    } else {
      session.push({ from, text: shuffled([...version(), `"id":${pick("1", "null", '"q"')}`, `"result":${value()}`]) });
    }
  }
  return session;
}

test.run();
