import { decoderOf, decoding } from "../../stores/decoding.ts";
import { readInit } from "../../tape/first-record.ts";
import type { Finding } from "../../tape/verify/verify-finding.ts";
import { type VerifyResult, verifyTape } from "../../tape/verify/verify.ts";
import type { Command, CommandIo } from "../command.ts";
import { type Program, programOf } from "../program.ts";
import { optionalArgument, parseOptions, styleOption } from "../arguments/options.ts";
import { signerOptions } from "../arguments/keys/signing-keys.ts";
import { Progress } from "../terminal/progress.ts";
import { KEY_HELP, KEY_OPTIONS, keysOf } from "../arguments/keys/key-options.ts";
import { findTape, inPaths, naming, type TapeFile, tapeFolder } from "../arguments/tape-argument.ts";
import { asciiJson, escapeControls, type Style } from "../terminal/text.ts";
import { formatBytes, formatCount, plural } from "../terminal/units.ts";

const HELP = `Checks a tape from its first line to its last.

Usage:
  tapeline verify [--signer KEY|FILE …] [--json] [--color WHEN] [--dir DIR]
                  [TAPE]

Checks that every line is a record, that frames follow each other in number and
time but for what gap records tell, that correlations fit their frames and
checkpoints count right, that the checksums fit, and whether the metadata beside
the tape say the same. Each finding is a line, with its place in the tape. The
tape is not changed; "tapeline repair" makes a whole one of it.

What stands behind the last checkpoint has no checksum yet, and tapes of other
programs have none: that is no damage. Notes are no damage either.

A checksum finds damage, but nobody who works it out anew. With --signer all
that the owner of that key has not signed is damage: every change, and every
line that was left out or put in. It says up to which line the signer vouches
for the tape: behind the last signature nobody does, and what was cut off there
cannot be known.

Options:
  --signer KEY|FILE
                a public key that the tape may be signed with, as "tapeline
                keygen" prints it, or a file with one or several; may be given
                several times
  --json        the result as one JSON object on one line, with the first 10,000
                findings
  --color WHEN  auto, always or never; auto, the default, asks the terminal,
                NO_COLOR and FORCE_COLOR
  --dir DIR     where tapes are kept; by default $TAPELINE_DIR or ./tapes

${KEY_HELP}
Exit codes:
  0  there is no damage
  1  the tape could not be read to its end
  2  wrong use, no such tape, or a file that is no tape: no record stands on it,
     and no metadata beside it
  3  there is damage

Examples:
  tapeline verify latest
  tapeline verify session.jsonl && echo "as it was written"
  tapeline verify --signer signing.pub signed.jsonl && echo "as it was signed"
  tapeline verify --json session.jsonl | jq '.findings[].line'
`;

/** So many findings are held for `--json`. */
const MAX_FINDINGS = 10_000;

async function run(args: readonly string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseOptions("verify", args, {
    signer: { type: "string", multiple: true },
    json: { type: "boolean" },
    color: { type: "string" },
    dir: { type: "string" },
    ...KEY_OPTIONS,
  });
  const style = styleOption(values.color, io);
  const signers = await signerOptions(values.signer, io.env);
  const keys = await keysOf(values, io, "tell");
  const tape = await findTape(optionalArgument("verify", positionals), tapeFolder(values.dir, io.env), keys);
  const progress = new Progress(await tape.store.size(tape.key) ?? 0, io);
  const findings: Finding[] = [];
  const onFinding = ({ message, ...rest }: Finding) => {
    const finding = { ...rest, message: inPaths(message, tape) };
    if (values.json !== true) void io.stdout.write(`${findingLine(finding, style)}\n`);
    else if (findings.length < MAX_FINDINGS) findings.push(finding);
  };
  const onProgress = (offset: number) => progress.at(offset);
  const result = await naming(
    tape,
    () => verifyTape(tape.store, tape.tapeId, { signers, signal: io.signal, onProgress, onFinding }),
  );
  progress.clear();
  const isLocked = await isLockedTape(tape);
  if (values.json === true) {
    await io.stdout.write(
      `${asciiJson({ ...resultObject(result, tape.path), is_locked: isLocked, ...findingFields(findings) })}\n`,
    );
  } else await io.stdout.write(`${escapeControls(tape.path)}: ${summary(result, style, isLocked)}\n`);
  if (result.isIntact) return 0;
  if (!isWithoutRecords(result) || await tape.store.size(`${tape.tapeId}.meta.json`) !== undefined) return 3;
  await io.stderr.write(`tapeline: ${escapeControls(tape.path)} is no tape: there is no record on it\n`);
  return 2;
}

function isWithoutRecords({ records }: VerifyResult): boolean {
  return Object.values(records).every((count) => count === 0);
}

/** `line 12, byte 3400: …` */
export function findingLine({ severity, message, line, offset }: Finding, style: Style): string {
  const place = line === undefined ? "" : `line ${formatCount(line)}, byte ${formatCount(offset ?? 0)}: `;
  const text = escapeControls(message);
  return severity === "damage" ? `${style.bad(place)}${text}` : style.dim(`note: ${place}${text}`);
}

/**
 * `1,234 lines, 1,000 frames; checksums up to line 1,230; no damage found`
 *
 * @param isLocked whether what is encrypted could not be looked at
 */
export function summary(result: VerifyResult, style: Style, isLocked: boolean = false): string {
  const { lineCount, byteCount, records, lostFrameCount, damageCount, isFinalized } = result;
  const counts = `${plural(lineCount, "line")}, ${plural(records.frame, "frame")}`;
  const lost = lostFrameCount === 0 ? [] : [`${plural(lostFrameCount, "frame")} missing, as gap records say`];
  const damage = damageCount === 0
    ? style.good("no damage found")
    : style.bad(`damage found: ${plural(damageCount, "finding")}`);
  const parts = [
    counts,
    ...(byteCount > 0 && isWithoutRecords(result) ? ["no record"] : []),
    ...lost,
    summed(result),
    ...signed(result),
    ...(isFinalized ? [] : ["not finalized"]),
    damage,
    ...(isLocked ? ["what is encrypted was not opened"] : []),
  ];
  return parts.join("; ");
}

function summed({ sealedBytes, sealedToLine, sealedToOffset, byteCount, lineCount }: VerifyResult): string {
  if (sealedBytes === 0) return "no checksums";
  if (sealedBytes < sealedToOffset) return `checksums of ${formatBytes(sealedBytes)} of ${formatBytes(byteCount)}`;
  return sealedToLine === lineCount ? "checksums to its end" : `checksums up to line ${formatCount(sealedToLine)}`;
}

/** Nothing where nobody was named. */
function signed({ signedToLine: line, lineCount }: VerifyResult): string[] {
  if (line === undefined) return [];
  if (line === 0) return ["no signer vouches for it"];
  return [line === lineCount ? "signed to its end" : `signed up to line ${formatCount(line)}`];
}

/** The result as other programs read it. */
export function resultObject(result: VerifyResult, path: string): object {
  return {
    tape_id: result.tapeId,
    path,
    is_intact: result.isIntact,
    damage_count: result.damageCount,
    notice_count: result.noticeCount,
    line_count: result.lineCount,
    byte_count: result.byteCount,
    records: result.records,
    lost_frame_count: result.lostFrameCount,
    is_finalized: result.isFinalized,
    sealed_bytes: result.sealedBytes,
    sealed_to_line: result.sealedToLine,
    sealed_to_offset: result.sealedToOffset,
    ...(result.signedToLine === undefined
      ? {}
      : { signed_to_line: result.signedToLine, signed_to_offset: result.signedToOffset }),
  };
}

function findingFields(findings: readonly Finding[]): object {
  return {
    findings: findings.map(({ code, severity, message, line = null, offset = null, length = null }) => {
      return { code, severity, line, offset, length, message };
    }),
  };
}

/** Whether it is encrypted, and no key at hand opens it. */
async function isLockedTape({ store, key }: TapeFile): Promise<boolean> {
  const init = await readInit(store, key).catch(() => undefined);
  return init?.encryption != null && decoderOf(await decoding(store, key, init))?.isLocked === true;
}

/** `tapeline verify` */
export const verify: Command = { name: "verify", summary: "check a tape for damage", help: HELP, run };

/** What `main.ts` starts. */
export const program: Program = programOf(verify);
