import type { TapeError } from "../../../errors.ts";
import type { TapeMetadata } from "../../../records/metadata.ts";
import { newTapeId } from "../../../records/tape-id.ts";
import { type Redaction, redaction as redactionOf } from "../../../redact/redaction.ts";
import type { LoadedPolicy } from "../../../redact/policy/loaded-policy.ts";
import { keptMetadata } from "../../../tape/derive/derived-metadata.ts";
import type { CodingOptions } from "../../../tape/derive/output/derived-coding.ts";
import { lintedPolicy } from "../../../tape/redact/linted-policy.ts";
import { copyRedacted, type RedactedCopy, redactedMetadata } from "../../../tape/redact/redact-tape.ts";
import { codingOf } from "../../arguments/keys/coding-options.ts";
import { optionalArgument, parseOptions } from "../../arguments/options.ts";
import { type GivenPolicy, POLICY_HELP, POLICY_OPTIONS, policyOptions } from "../../arguments/policy-option.ts";
import { naming, type OpenedTape } from "../../arguments/tape-argument.ts";
import type { Command, CommandIo } from "../../command.ts";
import { type Program, programOf } from "../../program.ts";
import { isTampered } from "./tampered.ts";
import { DamageReports } from "../../terminal/damage-reports.ts";
import { Progress } from "../../terminal/progress.ts";
import { asciiJson, escapeControls } from "../../terminal/text.ts";
import { formatBytes, plural } from "../../terminal/units.ts";
import { isPiped, MAKING_HELP, MAKING_OPTIONS, type OutputValues, withTapes } from "../derive/derived-tape.ts";
import { openOutput, type TapeOutput } from "../derive/output.ts";
import { sumOf, takenOut } from "./rule-counts.ts";

const HELP = `Makes a tape of another one without the secrets in it.

Usage:
  tapeline redact [--policy FILE] [--keep RULE …] [--secretlint] [-o OUT]
                  [--force] [--name NAME] [--json] [--compress] [--plain]
                  [--encrypt-to RECIPIENT …] [--sign FILE] [--dir DIR] [TAPE]

Passwords, tokens and keys are taken out of messages, logs, headers and
metadata. In the place of each stands [REDACTED:RULE:DIGITS], the same for the
same secret; all else stays to the letter, and frames keep their numbers and
times. "tapeline scan" says what would be taken out, and its help which rules
there are. What no rule describes stays: look at a tape before you give it away.

The digits are a code of the secret, made with a random key, which is forgotten:
no two tapes have the same. A policy can name an environment variable with a key
for all of them.

Options:
${POLICY_HELP}${MAKING_HELP}
Exit codes:
  0  done
  1  failed; nothing is left of the new tape
  2  wrong use, no such tape, no such policy, or a file in the way
  3  done, but the tape that was read is damaged or has gaps; stderr says so

Examples:
  tapeline redact -o clean.jsonl latest
  tapeline redact --keep bearer-token -o clean.jsonl session.jsonl
  tapeline redact session.jsonl | tapeline scan -
`;

async function run(args: readonly string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseOptions("redact", args, { ...POLICY_OPTIONS, ...MAKING_OPTIONS });
  const tape = optionalArgument("redact", positionals) ?? "latest";
  isPiped(values);
  const given = await policyOptions(values, io.env);
  const coding = await codingOf(values, io);
  return await withTapes([tape], values, io, ([tape]) => redacted(tape!, { ...given, coding }, values, io));
}

interface How extends GivenPolicy {
  readonly coding: CodingOptions;
}

async function redacted(
  tape: OpenedTape,
  { policy, key, coding }: How,
  values: OutputValues,
  io: CommandIo,
): Promise<number> {
  const tapeId = newTapeId();
  const wasTampered = await isTampered(tape, io.signal);
  const output = await openOutput({ to: values.output, force: values.force === true }, tapeId, [tape], "redact", io);
  const damage = new DamageReports(io);
  let isDone = false;
  try {
    const redaction = redactionOf(await linted(tape, policy, io), { key });
    const copy = await copied(tape, tapeId, redaction, coding, output, damage, io);
    const metadata = redactedMetadata(copy, tape.metadata, redaction, values.name);
    io.signal.throwIfAborted();
    await output.finish(keptMetadata(metadata, copy.encoder));
    isDone = true;
    const isLive = await tape.store.writerOf?.(tape.key) === "alive";
    const made = {
      tape,
      isLive,
      tapeId,
      policyHash: redaction.policyHash,
      copy,
      metadata,
      damage,
      wasTampered,
      isSigned: coding.signer !== undefined,
    };
    await tell(made, output.path, values.json === true, io);
    return lossesOf(made).length > 0 ? 3 : 0;
  } finally {
    if (!isDone) await output.discard();
  }
}

/** Where secretlint is to look through the tape, that comes first. */
async function linted(tape: OpenedTape, policy: LoadedPolicy, io: CommandIo): Promise<LoadedPolicy> {
  const progress = new Progress(await tape.store.size(tape.key) ?? 0, io);
  const options = { signal: io.signal, onProgress: (bytes: number) => progress.at(bytes) };
  return await naming(tape, () => lintedPolicy(tape.store, tape.tapeId, policy, options)).finally(() =>
    progress.clear()
  );
}

async function copied(
  tape: OpenedTape,
  tapeId: string,
  redaction: Redaction,
  coding: CodingOptions,
  output: TapeOutput,
  damage: DamageReports,
  io: CommandIo,
): Promise<RedactedCopy> {
  const progress = new Progress(await tape.store.size(tape.key) ?? 0, io);
  const options = {
    ...coding,
    signal: io.signal,
    onProgress: (bytes: number) => progress.at(bytes),
    onError: (error: TapeError) => damage.report(error),
  };
  return await naming(tape, () => copyRedacted(tape.store, tape.tapeId, tapeId, redaction, output, options))
    .finally(() => progress.clear());
}

/** What was made. */
interface Made {
  readonly tape: OpenedTape;
  /** Whether somebody writes it. */
  readonly isLive: boolean;
  readonly tapeId: string;
  readonly policyHash: string;
  readonly copy: RedactedCopy;
  readonly metadata: TapeMetadata;
  readonly damage: DamageReports;
  /** Whether lines of the tape, which is encrypted, are missing or were changed. */
  readonly wasTampered: boolean;
  /** Whether somebody signs the new tape. */
  readonly isSigned: boolean;
}

function lossesOf({ copy: { lines }, damage, wasTampered, isLive }: Made): string[] {
  return [
    ...(wasTampered ? ['lines are missing or were changed; "tapeline verify" says where'] : []),
    ...(damage.count > 0 ? [plural(damage.count, "damaged line")] : []),
    ...(lines.isUnfinished && !isLive ? ["its last line is torn, and is left out"] : []),
    ...(lines.lostFrames > 0 ? [`${plural(lines.lostFrames, "frame")} could not be recorded, as gap records say`] : []),
  ];
}

async function tell(made: Made, path: string | undefined, isJson: boolean, io: CommandIo): Promise<void> {
  const { tape, copy: { lines }, metadata } = made;
  const { stdout, stderr } = io;
  const name = escapeControls(tape.path);
  const say = (text: string) => stderr.write(`tapeline: ${text}\n`);
  if (lines.wasSigned && !made.isSigned) await say(`${name} is signed; nobody vouches for the new tape`);
  if (made.isLive) {
    await say(`${name} is being written: what came since is not in it`);
  }
  const losses = lossesOf(made);
  if (losses.length > 0) await say(`${name} is not complete: ${losses.join("; ")}`);

  const taken = takenOut(lines.counts);
  if (path === undefined) await say(taken);
  else if (isJson) await stdout.write(`${asciiJson(fieldsOf(made, path))}\n`);
  else {
    const frames = metadata.stats?.frame_count;
    const parts = [...(frames == null ? [] : [plural(frames, "frame")]), formatBytes(lines.size), taken];
    await stdout.write(`${escapeControls(path)}: ${parts.join(", ")}\n`);
  }
}

function fieldsOf({ tapeId, policyHash, copy: { init, lines }, metadata, damage }: Made, path: string): object {
  return {
    tape_id: tapeId,
    path,
    derived_from: init.derived_from,
    stats: metadata.stats,
    secret_count: sumOf(lines.counts),
    rules: lines.counts,
    policy: policyHash,
    damaged_line_count: damage.count,
    lost_frame_count: lines.lostFrames,
    was_signed: lines.wasSigned,
  };
}

/** `tapeline redact` */
export const redact: Command = {
  name: "redact",
  summary: "a tape without the secrets in it",
  help: HELP,
  run,
};

/** What `main.ts` starts. */
export const program: Program = programOf(redact);
