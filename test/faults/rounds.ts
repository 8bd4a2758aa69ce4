import { readdirSync, readlinkSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import * as assert from "uvu/assert";
import type { FrameRecord, GapRecord, TapeRecord } from "../../src/records/record.ts";
import { fileStore } from "../../src/stores/file.ts";
import { StreamingTapeReader } from "../../src/tape/read/reader.ts";
import type { Child } from "../helpers/child.ts";
import { claim } from "../helpers/tapes.ts";
import { uuidOf } from "./known-uuids.ts";

/** What became of one call: a sequence number where it gave one, or the code of its error. */
export interface Outcome {
  readonly seq?: number;
  readonly error?: string;
}

/** What a round of `rounds-child.ts` tells of itself. */
export interface Report {
  readonly opened: Outcome;
  readonly frames: readonly Outcome[];
  readonly ended: Outcome | undefined;
  /** Files of the tape that the process still has open. */
  readonly openFiles: readonly string[];
}

/** The paths of a tape in a folder that `rounds-child.ts` touches. */
export function pathsOf(folder: string): string[] {
  const names = ["demo.jsonl", "demo.jsonl.lock", "demo.meta.json", "demo.torn", "demo.torn.lock"];
  for (let n = 0; n < 12; n++) names.push(`demo.meta.json.${uuidOf(n)}.tmp`);
  return [folder, ...names.map((name) => join(folder, name))];
}

/** Lets the child write a tape. */
export async function round(
  child: Child,
  verb: "create" | "resume",
  folder: string,
  durability: string,
): Promise<Report> {
  child.tell(`${verb} ${folder} ${durability}`);
  const report = JSON.parse(await child.line());
  return { ...report, openFiles: openFilesOf(child.pid, folder) };
}

function openFilesOf(pid: number, folder: string): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((handle) => {
    try {
      const path = readlinkSync(`/proc/${pid}/fd/${handle}`);
      return path.startsWith(folder) ? [path] : [];
    } catch {
      // It was closed meanwhile.
      return [];
    }
  });
}

/** What stands on a tape, line by line; each must be a whole record. */
export async function wholeRecords(folder: string): Promise<{ lines: string[]; records: TapeRecord[] }> {
  const content = new TextDecoder("utf-8", { fatal: true }).decode(await readFile(join(folder, "demo.jsonl")));
  const lines = content.split(/(?<=\n)/);
  assert.ok(content === "" || content.endsWith("\n"), `the tape ends with half a line: ${content.slice(-200)}`);
  return { lines, records: content === "" ? [] : lines.map((line) => JSON.parse(line)) };
}

/** Checks a tape against what its writer was told: nothing is lost in silence, nothing is there twice. */
export async function checkTape(folder: string, report: Report, durability: string): Promise<void> {
  for (const { error } of [report.opened, ...report.frames, ...report.ended ? [report.ended] : []]) {
    assert.ok(error === undefined || error === "io", `an error of a disk has code io, not ${error}`);
  }
  assert.equal(report.openFiles, [], "nothing stays open");
  const names = await readdir(folder);
  assert.equal(names.filter((name) => name.endsWith(".tmp")), [], "no draft is left");
  if (report.opened.error !== undefined) {
    assert.equal(
      names.filter((name) => !/\.(lock|meta\.json)$/.test(name)),
      [],
      "of what could not be made nothing is left",
    );
    return;
  }
  const { lines, records } = await wholeRecords(folder);
  assert.is(records[0]?.type, "init");
  assert.is(records.filter(({ type }) => type === "init").length, 1);

  const frames = records.filter((record): record is FrameRecord => record.type === "frame");
  const gaps = records.filter((record): record is GapRecord => record.type === "gap");
  const acknowledged = report.frames.flatMap(({ seq }) => seq === undefined ? [] : [seq]);
  const written = frames.map(({ seq }) => seq);
  if (durability === "synced") {
    for (const seq of acknowledged) assert.ok(written.includes(seq), `frame ${seq} was acknowledged and is lost`);
  } else assert.equal(written, acknowledged, "on the tape is what was acknowledged");
  assert.equal(written, [...new Set(written)].sort((a, b) => a - b), "each frame once, and in order");
  if (report.ended?.error !== undefined) return;

  const missing = gaps.flatMap(({ from_seq, count }) => Array.from({ length: count }, (_, at) => from_seq! + at));
  assert.equal(
    [...written, ...missing].sort((a, b) => a - b),
    report.frames.map((_, at) => at),
    "gaps tell what is lost",
  );
  const last = records.at(-1)!;
  assert.ok(last.type === "checkpoint" && last.final === true, "a finalized tape ends with its final checkpoint");
  if (last.type === "checkpoint") {
    const { claimed, counted } = claim(last.stats, lines.slice(0, -1));
    assert.is(claimed.frame_count, counted.frame_count);
  }
  await using reader = await StreamingTapeReader.open(fileStore(folder), "demo");
  assert.is((await reader.metadata())?.status, "finalized");
}
