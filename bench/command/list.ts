/** What a folder of ten thousand tapes holds: `tapeline list`, the first time and again, beside an empty program. */
import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { atMost, type Candidate, interleaved, ms } from "../harness.ts";
import type { Command, Goal, Job, Report, Row } from "../plan.ts";

const EMPTY = "empty program";
const FIRST = "tapeline list";
const AGAIN = "tapeline list, again";
const FILTERED = "tapeline list --where --sort -n, again";
const JSON_AGAIN = "tapeline list --json, again";
const file = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const main = file("../../../dist/cli/main.js");
const empty = file("../programs/empty.js");

export async function measure({ workload, runtime, subject, rounds, quick, folder }: Job): Promise<Report> {
  const tapes = quick ? 200 : 10_000;
  const dir = join(folder, `list-${tapes}`);
  makeTapes(dir, tapes);
  const cache = join(folder, "cache-of-lists");
  const list = [...subject, main, "list", "--dir", dir] as const;
  const measured = await interleaved(
    [
      running(EMPTY, runtime.startsWith("node") ? [subject[0], "-e", "0"] : [...subject, empty], cache),
      // Its cache is taken away before, and written by it.
      running(FIRST, list, cache, () => rmSync(cache, { recursive: true, force: true })),
      running(AGAIN, list, cache),
      running(FILTERED, [...list, "--where", "server:server-7 errors:1..", "--sort", "size", "-n", "20"], cache),
      running(JSON_AGAIN, [...list, "--json"], cache),
    ],
    quick ? 1 : rounds,
  );
  const msOf = (name: string) => measured.get(name)!.median;
  const goals: Readonly<Record<string, Goal>> = runtime === "node"
    ? { [FIRST]: atMost(1000, msOf(FIRST), " ms"), [AGAIN]: atMost(150, msOf(AGAIN), " ms") }
    : {};
  const rows = Array.from(measured, ([name, { median, samples }]): Row => ({
    target: name in goals ? "list" : "",
    workload,
    candidate: name,
    figure: ms(median),
    ratio: median / msOf(EMPTY),
    goal: goals[name],
    samples,
  }));
  return { rows, facts: [`${tapes} tapes, each with metadata of 1.2 KB; the first list writes its cache too`] };
}

/** Tapes that were finalized a while ago, as a recorder leaves them. */
function makeTapes(dir: string, count: number): void {
  mkdirSync(dir, { recursive: true });
  const start = Date.parse("2026-01-01T00:00:00Z");
  for (let at = 0; at < count; at++) {
    const id = `01K${String(at).padStart(23, "0")}`;
    const created_at = new Date(start + at * 600_000).toISOString();
    const init = {
      type: "init",
      version: "2.0",
      tape_id: id,
      session_id: "s",
      created_at,
      protocol_version: "unknown",
    };
    const tape = `${JSON.stringify(init)}\n`;
    const ended = new Date(start + at * 600_000 + 60_000).toISOString();
    const metadata = {
      tape_id: id,
      name: `session ${at % 50}`,
      tags: ["nightly", "ci"],
      created_at,
      status: "finalized",
      environment: { platform: "linux", runtime: "node", runtime_version: "20.20.2", tapeline_version: "0.1.0" },
      transport: { type: "stdio", command: "npx", args: ["-y", `server-${at % 20}`], process_id: at },
      end: {
        exit_code: 0,
        signal: null,
        exit_ts: 59_900,
        closed: [{ stream: "stdin", by: "client", ts: 59_000 }],
        ts: 60_000,
      },
      finalized_at: ended,
      updated_at: ended,
      client_info: { name: "an-ide", version: "1.2.3" },
      server_info: { name: `server-${at % 20}`, version: "1.0.0" },
      protocol_version: "2025-06-18",
      methods: { initialize: 1, "notifications/initialized": 1, "tools/list": 1, "tools/call": at % 300 },
      tools: { search: at % 200, fetch: at % 100 },
      stats: {
        frame_count: at % 1000,
        duration_ms: 60_000,
        file_size_bytes: tape.length,
        last_sequence: at % 1000,
        message_counts: { client_to_server: at % 500, server_to_client: at % 500 },
        error_count: at % 3,
        correlation_count: at % 500,
        checkpoint_count: 1,
      },
      performance: { avg_rtt_ms: 1.2, max_rtt_ms: 90.1, min_rtt_ms: 0.2, messages_per_second: 12.5, p50_rtt_ms: 1 },
    };
    writeFileSync(join(dir, `${id}.jsonl`), tape);
    writeFileSync(join(dir, `${id}.meta.json`), `${JSON.stringify(metadata, null, 2)}\n`);
  }
}

function running(name: string, [program, ...args]: Command, cache: string, prepare = () => {}): Candidate {
  return {
    name,
    run() {
      prepare();
      const env = { ...process.env, XDG_CACHE_HOME: cache };
      const startedAt = performance.now();
      const { status, error, stderr } = spawnSync(program, args, { encoding: "utf8", env, maxBuffer: Infinity });
      const took = performance.now() - startedAt;
      if (status !== 0) throw new Error(`${[program, ...args].join(" ")} failed: ${error ?? stderr}`);
      return Promise.resolve(took);
    },
  };
}
