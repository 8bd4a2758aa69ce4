/** F1: from a line that another process appends to the record in hand. */
import { spawn } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { TapeRecord } from "../../src/mod.ts";
import { atMost, ms, quantiles } from "../harness.ts";
import { tapeline, tapelineFile } from "../built.ts";
import type { Job, Report, Row } from "../plan.ts";

const appender = fileURLToPath(new URL("../programs/line-appender.js", import.meta.url));
const BURST_LINES = 1_000;

/** The time in milliseconds that the median and the slowest hundredth of all lines may take. */
interface Limits {
  readonly p50: number;
  readonly p99: number;
}

const limits: Readonly<Record<string, { readonly paced: Limits; readonly bursts: Limits }>> = {
  "1 follower": { paced: { p50: 1, p99: 10 }, bursts: { p50: 2, p99: 10 } },
  "50 followers": { paced: { p50: 1.5, p99: 10 }, bursts: { p50: 15, p99: 50 } },
};

/** Asked for once: what it costs would be measured fifty times a line. */
const { timeOrigin } = performance;

export async function measure({ workload, node, rounds, quick, folder }: Job): Promise<Report> {
  const pacedLines = quick ? 30 : 300;
  const path = join(folder, "followed.jsonl");
  const init = { type: "init", version: "2.0", tape_id: "followed", session_id: "bench", created_at: new Date() };
  writeFileSync(path, `${JSON.stringify({ ...init, protocol_version: "unknown" })}\n`);
  const child = spawn(node[0], [...node.slice(1), appender, path], { stdio: ["pipe", "ignore", "inherit"] });
  const followers = Array.from({ length: parseInt(workload) }, () => new Follower(folder));
  await Promise.all(followers.map((follower) => follower.until(1)));

  let lines = 1;
  /** Has lines appended, and gives how long each took to each follower. */
  const append = async (how: "paced" | "burst", count: number) => {
    for (const follower of followers) follower.latencies = [];
    child.stdin.write(`${how} ${count}\n`);
    lines += count;
    await Promise.all(followers.map((follower) => follower.until(lines)));
    return followers.flatMap(({ latencies }) => latencies);
  };
  const paced: number[] = [];
  const bursts: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    const latencies = [await append("paced", pacedLines), await append("burst", BURST_LINES)] as const;
    if (round === 0) continue;
    paced.push(...latencies[0]);
    bursts.push(...latencies[1]);
  }
  child.stdin.end();
  await Promise.all(followers.map((follower) => follower.stop()));
  rmSync(path);

  const rowsOf = (what: string, latencies: readonly number[], { p50, p99 }: Limits): Row[] => {
    const quantile = quantiles(latencies);
    // Enough of some hundred thousand.
    const samples = Array.from({ length: 100 }, (_, percent) => quantile(percent / 100));
    const row = (name: string, part: number, limit: number): Row => ({
      target: "F1",
      workload,
      candidate: `${what}, ${name}`,
      figure: ms(quantile(part)),
      goal: atMost(limit, quantile(part), " ms"),
      samples,
    });
    return [row("p50", 0.5, p50), row("p99", 0.99, p99)];
  };
  return {
    rows: [
      ...rowsOf("a line every 7 ms", paced, limits[workload]!.paced),
      ...rowsOf(`bursts of ${BURST_LINES} lines`, bursts, limits[workload]!.bursts),
      // One that was missed would have ended the process.
      { target: "F1", workload, candidate: "lines missed", figure: "0", goal: { text: "0", met: true } },
    ],
    facts: [`${workload}: ${paced.length + bursts.length} records of 450 B; a burst is ${BURST_LINES} writes at once`],
  };
}

/** Follows the tape, and fails when it is not handed every record in turn. */
class Follower {
  latencies: number[] = [];
  #records = 0;
  #wanted: { readonly count: number; readonly resolve: () => void } | undefined;
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;
  readonly #failed: Promise<never>;

  constructor(folder: string) {
    this.#done = this.#follow(folder);
    this.#failed = this.#done.then(() => Promise.reject(new Error("the following ended")));
    this.#failed.catch(() => {});
  }

  /** Settles when so many records have come since the start. */
  until(count: number): Promise<void> {
    const reached = new Promise<void>((resolve) => (this.#wanted = { count, resolve }));
    this.#answer();
    return Promise.race([reached, this.#failed]);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#done;
  }

  async #follow(folder: string): Promise<void> {
    const reader = await tapeline.StreamingTapeReader.open(tapelineFile.fileStore(folder), "followed");
    for await (const record of reader.follow({ signal: this.#stop.signal })) {
      if (record.type === "frame") this.#receive(record);
      this.#records++;
      this.#answer();
    }
  }

  #receive(record: TapeRecord & { type: "frame" }): void {
    const { params } = record.env.message as { params: { at: number } };
    this.latencies.push(timeOrigin + performance.now() - params.at);
    // Before the frames there is the init record.
    if (record.seq !== this.#records - 1) {
      throw new Error(`frame ${record.seq} came after ${this.#records - 2}`);
    }
  }

  #answer(): void {
    if (this.#wanted !== undefined && this.#records >= this.#wanted.count) this.#wanted.resolve();
  }
}
