/** P1: what `tapeline record` costs the session that it records. */
import { type ChildProcessByStdio, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { atLeast, atMost, median, ms, type Quantile, quantiles } from "../harness.ts";
import type { Command, Goal, Job, Report, Row } from "../plan.ts";

const main = fileURLToPath(new URL("../../../dist/cli/main.js", import.meta.url));
const server = fileURLToPath(new URL("../programs/echo-server.js", import.meta.url));
const MESSAGE = `${
  JSON.stringify({
    jsonrpc: "2.0",
    method: "notifications/message",
    params: { level: "info", data: "x".repeat(930) },
  })
}\n`;

const DIRECT = "no recorder";
const RECORDED = "recorded";
const FULL = "recorded, disk full";

export async function measure({ workload, subject, node, rounds, quick, folder }: Job): Promise<Report> {
  const disks = [plainFolder(folder), fullDisk(folder), slowDisk(folder)];
  const setups = disks.filter((disk): disk is Disk => typeof disk !== "string");
  const facts = disks.filter((disk) => typeof disk === "string");
  try {
    const commands = new Map<string, readonly string[]>([[DIRECT, []]]);
    for (const { name, folder } of setups) {
      commands.set(name, [...subject, main, "record", "--dir", folder, "--"]);
    }
    const roundTrips = await roundTripsOf(commands, node, rounds, quick ? 20 : 1_000);
    const speeds = await speedsOf(commands, node, rounds, quick ? 200 : 40_000);
    const rows = [...commands.keys()].flatMap((name) => rowsOf(name, workload, roundTrips, speeds));
    return { rows, facts: [`messages of ${MESSAGE.length} B`, ...facts] };
  } finally {
    for (const { release } of setups) release();
  }
}

function rowsOf(name: string, workload: string, roundTrips: Samples, speeds: Samples): Row[] {
  const isRecorded = name !== DIRECT;
  const row = (what: string, rest: Omit<Row, "target" | "workload" | "candidate">): Row => ({
    target: isRecorded ? "P1" : "",
    workload,
    candidate: `${name}: ${what}`,
    ...rest,
    goal: isRecorded ? rest.goal : undefined,
  });
  const [own, direct] = [name, DIRECT].map((each) => quantiles(roundTrips.samples.get(each)!)) as [Quantile, Quantile];
  const latency = (what: string, part: number, limit: number): Row => {
    const more = own(part) - direct(part);
    const figure = isRecorded ? `${ms(own(part))} (${ms(more)} more)` : ms(own(part));
    return row(`round trip, ${what}`, { figure, goal: atMost(limit, more, " ms more") });
  };
  const [speed, directSpeed] = [name, DIRECT].map((each) => median(speeds.samples.get(each)!)) as [number, number];
  const codes = [...new Set([roundTrips, speeds].map(({ exitCodes }) => exitCodes.get(name)))].join(" and ");
  return [
    { ...latency("median", 0.5, 0.2), samples: roundTrips.samples.get(name) },
    latency("p99", 0.99, 1.2),
    row("one way", {
      figure: `${(speed / 1000).toPrecision(3)} k/s`,
      ratio: speed / directSpeed,
      goal: atLeast(0.5, speed / directSpeed),
      samples: speeds.samples.get(name),
    }),
    row("exit code", { figure: codes, goal: exitCodeGoal(name, codes) }),
  ];
}

/** A recording is whole, or says that it is not; on a slow disk either is fine. */
function exitCodeGoal(name: string, codes: string): Goal | undefined {
  if (name === RECORDED) return { text: "0, the tape is whole", met: codes === "0" };
  if (name === FULL) return { text: "3, the tape says that it is not whole", met: codes === "3" };
  return undefined;
}

// Where the tapes go.

interface Disk {
  readonly name: string;
  readonly folder: string;
  readonly release: () => void;
}

function plainFolder(parent: string): Disk {
  const folder = join(parent, "recorded");
  return { name: RECORDED, folder, release: () => rmSync(folder, { recursive: true, force: true }) };
}

/** A disk that is full after some fifty messages; else why there is none. */
function fullDisk(parent: string): Disk | string {
  const folder = join(parent, "full");
  mkdirSync(folder, { recursive: true });
  const { status } = spawnSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", folder]);
  return status === 0 ? mounted(FULL, folder) : "full disk not measured: no tmpfs can be mounted here";
}

/** A disk that takes 100 KB a second; else why there is none. */
function slowDisk(parent: string): Disk | string {
  const [folder, behind] = [join(parent, "slow"), join(parent, "behind-slow")];
  for (const each of [folder, behind]) mkdirSync(each, { recursive: true });
  const { status } = spawnSync("bindfs", ["--write-rate=100k", behind, folder], { stdio: "ignore" });
  return status === 0 ? mounted("recorded, disk slow", folder) : "slow disk not measured: bindfs cannot mount one here";
}

function mounted(name: string, folder: string): Disk {
  return { name, folder, release: () => void spawnSync("umount", ["-l", folder]) };
}

// Sessions between this process, the client, and the server.

interface Samples {
  readonly samples: ReadonlyMap<string, number[]>;
  readonly exitCodes: ReadonlyMap<string, number | string>;
}

/** Round trips in turn through each session, so that all see the same machine. */
async function roundTripsOf(
  commands: ReadonlyMap<string, readonly string[]>,
  node: Command,
  rounds: number,
  count: number,
): Promise<Samples> {
  return await inSessions(commands, [...node, server, "1"], async (sessions, samples) => {
    for (let n = -count; n < rounds * count; n++) {
      for (const [name, session] of sessions) {
        const startedAt = performance.now();
        await session.answer(1);
        if (n >= 0) samples.get(name)!.push(performance.now() - startedAt);
      }
    }
  });
}

/** Messages a second that arrive at the server. */
async function speedsOf(
  commands: ReadonlyMap<string, readonly string[]>,
  node: Command,
  rounds: number,
  count: number,
): Promise<Samples> {
  return await inSessions(commands, [...node, server, String(count)], async (sessions, samples) => {
    for (let round = 0; round <= rounds; round++) {
      for (const [name, session] of sessions) {
        const startedAt = performance.now();
        await session.answer(count);
        if (round > 0) samples.get(name)!.push((count / (performance.now() - startedAt)) * 1000);
      }
    }
  });
}

async function inSessions(
  commands: ReadonlyMap<string, readonly string[]>,
  serverCommand: readonly string[],
  use: (sessions: ReadonlyMap<string, Session>, samples: Map<string, number[]>) => Promise<void>,
): Promise<Samples> {
  const sessions = new Map(
    Array.from(commands, ([name, command]) => [name, new Session([...command, ...serverCommand])]),
  );
  const samples = new Map(Array.from(commands, ([name]) => [name, [] as number[]]));
  await use(sessions, samples);
  const exitCodes = new Map<string, number | string>();
  for (const [name, session] of sessions) exitCodes.set(name, await session.end());
  return { samples, exitCodes };
}

class Session {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  #stderr = "";
  #answered: (() => void) | undefined;

  constructor([program, ...args]: readonly string[]) {
    this.#child = spawn(program!, args, { stdio: ["pipe", "pipe", "pipe"] });
    this.#child.stderr.setEncoding("utf8").on("data", (text: string) => (this.#stderr += text));
    this.#child.stdout.on("data", (chunk: Uint8Array) => {
      if (chunk.at(-1) === 0x0a) this.#answered?.();
    });
    this.#child.on("close", () => this.#answered?.());
  }

  /** Sends so many messages, after which the server answers. */
  async answer(count: number): Promise<void> {
    const { stdin } = this.#child;
    const answered = new Promise<void>((resolve) => (this.#answered = resolve));
    for (let n = 0; n < count; n++) if (!stdin.write(MESSAGE)) await once(stdin, "drain");
    await answered;
    if (this.#child.exitCode !== null) {
      throw new Error(`the session has ended: ${this.#stderr}`);
    }
  }

  /** Gives the exit code, or the signal that ended it. */
  async end(): Promise<number | string> {
    const closed = once(this.#child, "close");
    this.#child.stdin.end();
    const [code, signal] = await closed;
    return code ?? signal;
  }
}
