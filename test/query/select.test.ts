import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { TapeLine } from "../../src/lines/line.ts";
import { parseQuery } from "../../src/query/query.ts";
import { select } from "../../src/query/select.ts";
import type { TapeRecord } from "../../src/records/record.ts";
import { pipe } from "../../src/streams/pipe.ts";
import { lineSplit } from "../../src/transforms/line-split.ts";
import { parseRecord } from "../../src/transforms/parse-record.ts";
import { utf8 } from "../helpers/bytes.ts";
import { collect } from "../helpers/streams.ts";
import { reasonOf } from "../helpers/within.ts";
import { foreignTape, sessionTape } from "./session.ts";

const test = suite("select");
const tape = await sessionTape();
const foreign = foreignTape(tape);

type Question = Parameters<typeof select>[0];

/** The records that are selected, of bytes that come in pieces of this size. */
async function selected(what: Question, text = tape, size = Infinity): Promise<TapeRecord[]> {
  const bytes = utf8(text);
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.slice(at, at + size));
  return await collect(pipe(pieces, lineSplit(), select(what), parseRecord()));
}

/** The numbers of its frames, and the types of others that were asked for. */
async function picked(what: Question, text = tape, size = Infinity): Promise<(number | string)[]> {
  const needed = new Set(["init", "gap", "end", "correlation"]);
  const isNeeded = ({ type }: TapeRecord) => needed.has(type) && !String(what).includes(`kind:${type}`);
  const records = await selected(what, text, size);
  return records.filter((record) => !isNeeded(record)).map((record) =>
    record.type === "frame" ? record.seq : record.type
  );
}

const ALL = [...Array(19).keys()];
const but = (...seqs: number[]) => ALL.filter((seq) => !seqs.includes(seq));

for (
  const [query, expected] of [
    ["", ALL.flatMap((seq) => seq === 5 ? ["log", 5] : [seq])],
    ["method:tools/call", [3, 4, 6, 7, 12, 14, 18]],
    ["method:tools/*", [3, 4, 6, 7, 12, 14, 16, 17, 18]],
    ["method:notifications/initialized,ping", [2, 16]],
    ["method:/^(resources|sampling)/", [8, 9, 10, 11]],
    ["tool:search", [3, 6, 12, 14]],
    ["tool:s*", [3, 6, 12, 14, 18]],
    ["tool:read_file", [4, 7]],
    ["dir:s2c", [1, 5, 6, 7, 9, 10, 14, 15, 17]],
    ["dir:c2s kind:response", [11]],
    ["kind:request", [0, 3, 4, 8, 10, 12, 16, 18]],
    ["kind:notification", [2, 5, 13]],
    ["kind:response", [1, 6, 7, 9, 11, 14, 17]],
    ["kind:batch", [16]],
    ["kind:invalid", [15]],
    ["kind:log", ["log"]],
    ["kind:checkpoint", ["checkpoint"]],
    ["kind:frame", ALL],
    ["id:7", [8, 9, 12, 14]],
    ['id:"7"', [8, 9]],
    ["id:0,10", [0, 1, 18]],
    ["id:9", [16, 17]],
    ["request:3", [3, 6]],
    ["request:3..8", [3, 4, 6, 7, 8, 9]],
    ["status:error", [7, 9]],
    ["status:rpc_error", [9]],
    ["status:tool_error", [7]],
    ["status:-32601", [9]],
    ["status:ok", [1, 6, 11, 14, 17]],
    ["status:cancelled", [14]],
    ["dur:>200ms", [6, 7, 11]],
    ["dur:>=200ms", [6, 7, 11, 14]],
    ["dur:0ms", [9]],
    ["dur:..250ms", [1, 6, 9, 14, 17]],
    ["dur:>1s", []],
    ["size:>1k", [11]],
    ["size:<60", [2, "log", 14, 15]],
    ["seq:3", [3]],
    ["seq:3..5", [3, 4, 5]],
    ["seq:>=17", [17, 18]],
    ["seq:..1,17..", [0, 1, 17, 18]],
    ["at:+1s", ["log", 3, 4, 5, 6, 7].sort((a, b) => order(a) - order(b))],
    ["at:>3s", [11, 12, 13, 14, 15, 16, 17, 18]],
    ["at:+2s..+3s", [8, 9, 10]],
    ["at:2026-03-01T10:00:04Z..", [12, 13, 14, 15, 16, 17, 18]],
    ["at:..2026-03-01T11:00:00.041+01:00", [0, 1, 2]],
    ["text:Paris", [3]],
    ["Paris", [3]],
    ["text:café", ["log", 6]],
    ['text:"says \\"café\\""', [6]],
    ["text:C:\\tapes", [4]],
    ["text:C:\\\\tapes", [4]],
    ['"\\"id\\":"', but(2, 5, 13, 15)],
    ["text:Listening", [15]],
    ["text:Paris,Rome", [3, 12]],
    ["/par.s/i", [3]],
    ["/^searching/", ["log"]],
    ["/^no such/", [7]],
    ["/such$/", []],
    ["/^(Par|Ro)/", [3, 12]],
    ['/^It says "café"/', [6]],
    ["params.arguments.city:Paris", [3]],
    ["/params/arguments/city:P*,Ro*", [3, 12]],
    ["params.arguments.limit:>4", [3]],
    ["params.arguments.limit:5", [3]],
    ['params.arguments.limit:"5"', []],
    ["params.arguments.tags:b", [12]],
    ["params.arguments.tags.0:b", []],
    ["params.arguments.tags.1:b", [12]],
    ["result.content.text:/café/", [6]],
    ["result.isError:true", [7]],
    ["$.id:7", [8, 9, 12, 14]],
    ["error.code:<0", [9]],
    ["has:error", [9]],
    ["has:params.arguments.city", [3, 12]],
    ["has:result.content.type", [6, 7]],
    ["tool:search status:ok", [6, 14]],
    ["tool:search OR status:error", [3, 6, 7, 9, 12, 14]],
    ['tool:search OR text:"no such"', [3, 6, 7, 12, 14]],
    ["has:error OR tool:read_file,s*", [3, 4, 6, 7, 9, 12, 14, 18]],
    ["method:tools/call -tool:search", [4, 7, 18]],
    ["kind:response -tool:search", [1, 7, 9, 11, 17]],
    ["kind:response -(dur:>1h OR tool:search)", [1, 7, 9, 11, 17]],
    ["kind:response -(tool:read_file request:4)", [1, 6, 9, 11, 14, 17]],
    ["-kind:request -kind:response -kind:log", [2, 5, 13, 15, 16]],
    ["NOT (dir:c2s OR dir:s2c)", ["log"]],
    ["(tool:search OR tool:slow) kind:request -params.arguments.city:Rome", [3, 18]],
  ] as const
) {
  test(`select() picks ${query === "" ? "everything" : query}`, async () => {
    const known = (expected as readonly (number | string)[]).filter((each) =>
      query.includes("kind:check") || each !== "checkpoint"
    );
    assert.equal(await picked(query), [...known]);
    assert.equal(await picked(parseQuery(query), tape, 37), [...known], "in small pieces");
    // Nobody says there who has cancelled what, but the messages themselves.
    assert.equal(await picked(query, foreign, 1000), [...known], "spelled by another program");
  });
}

function order(each: number | string): number {
  return typeof each === "number" ? each : 4.5;
}

test("select() takes the time of day to be that of here, on the day on which the tape began", async () => {
  const at = (ms: number) => {
    const date = new Date(Date.parse("2026-03-01T10:00:00.000Z") + ms);
    const two = (part: number) => String(part).padStart(2, "0");
    return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  };
  assert.equal(await picked(`at:${at(3000)}..${at(4000)}`), [10, 11, 12]);
  assert.equal(await picked(`at:${at(4000)}`), [12, 13, 14, 15].filter((seq) => seq < 15));
  assert.equal(await picked(`at:<${at(1000)}`), [0, 1, 2]);
});

test("select() lets what a tape needs through, and correlations with their frames", async () => {
  const records = await selected("tool:search");
  assert.equal(
    records.map((record) =>
      record.type === "frame" ? record.seq : record.type === "correlation" ? record.id : record.type
    ),
    ["init", 3, 6, "corr-3-6", 12, 14, "corr-12-14", "gap", "end"],
  );
  const answers = await selected("tool:search kind:response");
  assert.equal(answers.flatMap((record) => record.type === "correlation" ? [record.id] : []), [
    "corr-3-6",
    "corr-12-14",
  ]);
});

test("select() takes a function, which is asked for every record but those that a tape needs", async () => {
  const seen: string[] = [];
  const records = await selected((record) => {
    seen.push(record.type);
    return record.type === "frame" && record.seq % 5 === 0;
  });
  assert.equal(records.flatMap((record) => record.type === "frame" ? [record.seq] : []), [0, 5, 10, 15]);
  assert.equal([...new Set(seen)].sort(), ["checkpoint", "correlation", "frame", "log"]);
  const own = new Error("own");
  assert.is(
    await reasonOf(selected(() => {
      throw own;
    })),
    own,
  );
  assert.match((await reasonOf(selected(() => Promise.resolve(true) as never)) as Error).message, /returned a promise/);
});

test("select() hands on what it has parsed: nothing is parsed twice", async () => {
  const parsed = new Set<TapeRecord>();
  const records = await selected((record) => {
    parsed.add(record);
    return record.type === "frame";
  });
  for (const record of records) if (record.type === "frame") assert.ok(parsed.has(record));
});

test("select() parses no more than it takes", async () => {
  const parse = JSON.parse;
  const count = async (query: string, text = tape) => {
    let calls = 0;
    JSON.parse = (...args) => {
      calls++;
      return parse(...args);
    };
    try {
      await collect(pipe([utf8(text)], lineSplit(), select(query)));
      return calls;
    } finally {
      JSON.parse = parse;
    }
  };
  // The first record tells when the tape began.
  assert.is(await count("dir:s2c seq:3..9"), 1);
  // And the batch, and what is no JSON.
  assert.is(await count("kind:response id:1"), 3);
  assert.ok(await count("tool:search") <= 5);
  assert.ok(await count("has:error") <= 5);
  assert.ok(await count("/nothing$/") <= 5);
  assert.ok(await count("/n.t.i.g/") >= 19);
});

test("select() reads what is whole on a damaged line, and passes over what is none", async () => {
  const lines = tape.split("\n");
  const torn = lines.findIndex((line) => line.includes('"seq":3,'));
  const damaged = [
    ...lines.slice(0, torn),
    `${lines[torn]!.slice(0, 90)}${lines[torn]}`,
    "\0\0",
    "no record",
    ...lines.slice(torn + 1),
  ].join("\n");
  const read = async (query: string) => {
    const errors: string[] = [];
    const onError = ({ message }: Error) => void errors.push(message);
    const records = await collect(pipe([utf8(damaged)], lineSplit(), select(query), parseRecord({ onError })));
    return [records.flatMap((record) => record.type === "frame" ? [record.seq] : []), errors.length] as const;
  };
  assert.equal(await read("params.arguments.city:Paris"), [[3], 1]);
  assert.equal(await read("tool:search"), [[3, 6, 12, 14], 1]);
  assert.equal(await read("text:nowhere"), [[], 0]);
});

test("select() refuses what is no query", () => {
  for (const what of [undefined, null, 7, {}, []]) {
    assert.throws(() => select(what as never), (error: { code?: string }) => error.code === "invalid_argument");
  }
  assert.throws(() => select("metod:x"), /did you mean method:/);
  assert.throws(() => select("a", { startedAt: NaN }), /startedAt must be milliseconds since 1970/);
  assert.throws(() => select("a", { startetAt: 1 } as never), /did you mean startedAt/);
});

test("Query.matches() looks at a record alone", () => {
  const frame = (message: unknown): TapeRecord => ({
    type: "frame",
    seq: 5,
    ts: 1500,
    dir: "client_to_server",
    env: { message },
  });
  const call = frame({ id: 1, method: "tools/call", params: { name: "search" } });
  const answer = frame({ id: 1, result: {} });
  const log: TapeRecord = { type: "log", ts: 5, stream: "stderr", text: "hello" };
  const correlation: TapeRecord = {
    type: "correlation",
    id: "corr-5-6",
    request_seq: 5,
    response_seq: 6,
    rtt_us: 2500,
    rtt_ms: 2,
    status: "success",
  };
  for (
    const [query, ...fits] of [
      ["tool:search", call],
      ["seq:5 at:+1s", call, answer],
      ["kind:response status:ok", answer],
      ["method:tools/call", call],
      ["text:hello", log],
      ["dur:2.5ms", correlation],
      ["status:ok", answer, correlation],
      ["request:5", call, correlation],
      ["-kind:frame", log, correlation],
      ["op:(tool:search)", call],
    ] as const
  ) {
    const found = [call, answer, log, correlation].filter((record) => parseQuery(query).matches(record));
    assert.equal(found, fits, query);
  }
});

test("select() does not need lines to be in one block, nor to be its own", async () => {
  const lines: TapeLine[] = await collect(pipe([utf8(tape)], lineSplit()));
  const again = await collect(
    pipe(lines.map((line) => line.part(0, line.length)), select("tool:search"), parseRecord()),
  );
  assert.equal(again.flatMap((record) => record.type === "frame" ? [record.seq] : []), [3, 6, 12, 14]);
});

for (
  const [query, expected] of [
    ["id:1e3", [0]],
    ["id:1000", [0]],
    ["id:1000.0", [0]],
    ["id:0.5", [1]],
    ['id:"1e3"', [2]],
    ["id:0.50", [1]],
  ] as const
) {
  test(`${query} asks for a number, however it is spelled`, async () => {
    const ids = ["1e3", "0.5", '"1e3"'];
    const frames = ids.map((id, seq) =>
      `{"type":"frame","seq":${seq},"ts":1,"dir":"client_to_server","env":{"message":{"id":${id},"method":"ping"}}}\n`
    );
    const found = await picked(query, tape.slice(0, tape.indexOf("\n") + 1) + frames.join(""));
    assert.equal(found.filter((seq) => seq !== 2 || query.includes('"')), [...expected]);
  });
}

test("at: means what clocks show, on a day on which they are set too", async () => {
  const { env } = process;
  const zone = env["TZ"];
  env["TZ"] = "Europe/Berlin";
  try {
    // Not every runtime takes another time zone while it runs.
    if (new Date("2026-03-29T12:00:00Z").getHours() !== 14) return;
    for (const [day, hours] of [["2026-03-29", 23], ["2026-10-25", 25]] as const) {
      const midnight = new Date(`${day}T00:00:00`).getTime();
      const lines = [
        `{"type":"init","version":"2.0","tape_id":"d","session_id":"s","created_at":"${
          new Date(midnight).toISOString()
        }"}`,
      ];
      for (let hour = 0; hour < 30; hour++) {
        lines.push(
          `{"type":"frame","seq":${hour},"ts":${
            hour * 3600_000
          },"dir":"client_to_server","env":{"message":{"method":"x"}}}`,
        );
      }
      const at = (query: string) => picked(query, `${lines.join("\n")}\n`);
      assert.equal(await at("at:14:00"), [hours - 10]);
      assert.equal(await at("at:22:30..01:30"), [hours - 1, hours, hours + 1]);
    }
  } finally {
    if (zone === undefined) delete env["TZ"];
    else env["TZ"] = zone;
  }
});

test.run();
