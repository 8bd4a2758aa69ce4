import { isTapeError, type TapeError } from "../../../errors.ts";
import { BUILT_IN_RULES } from "../../../redact/detect/rules.ts";
import type { LoadedPolicy } from "../../../redact/policy/loaded-policy.ts";
import { scanTape, type ScanTapeResult, type SecretFinding } from "../../../tape/redact/scan-tape.ts";
import { KEY_HELP, KEY_OPTIONS } from "../../arguments/keys/key-options.ts";
import { parseOptions, styleOption } from "../../arguments/options.ts";
import { POLICY_HELP, POLICY_OPTIONS, policyOption } from "../../arguments/policy-option.ts";
import { naming, type OpenedTape } from "../../arguments/tape-argument.ts";
import type { Command, CommandIo } from "../../command.ts";
import { type Program, programOf } from "../../program.ts";
import { DamageReports } from "../../terminal/damage-reports.ts";
import { Progress } from "../../terminal/progress.ts";
import { type Column, tableLines } from "../../terminal/table.ts";
import { asciiJson, escapeControls, type Style } from "../../terminal/text.ts";
import { formatCount, plural } from "../../terminal/units.ts";
import { withTapes } from "../derive/derived-tape.ts";
import { ruleCounts } from "./rule-counts.ts";

const HELP = `Says what of a tape looks like a secret, and where; never what it is.

Usage:
  tapeline scan [--policy FILE] [--keep RULE …] [--secretlint] [--json]
                [--color WHEN] [--dir DIR] [TAPE…]

Looks through messages, logs, headers, what is damaged, and the metadata beside
the tape, by the rules that "tapeline redact" goes by. A place is the line, the
number of the frame, and where in the record or the metadata, as a JSON Pointer.

What no rule describes is not found: look at a tape before you give it away.

Options:
${POLICY_HELP}  --json            an object for each secret, with "type":"finding", and behind
                    them one for the tape, with "type":"summary", a line each
  --color WHEN      auto, always or never; auto, the default, asks the terminal,
                    NO_COLOR and FORCE_COLOR
  --dir DIR         where tapes are kept; by default $TAPELINE_DIR or ./tapes

${KEY_HELP}
TAPE is - for a tape on stdin.

Rules:
${paragraph(BUILT_IN_RULES)}

Exit codes:
  0  nothing was found
  1  a tape could not be read to its end
  2  wrong use, no such tape, or no such policy
  3  something was found, or a tape is damaged; stderr says so

Examples:
  tapeline scan latest
  tapeline scan --keep url-credentials tapes/*.jsonl && echo "nothing found"
  tapeline scan --json session.jsonl | jq -r .place
`;

/** So many rows are shown of a tape; `--json` has all. */
const MAX_ROWS = 100;

/** Words with commas between them, in lines of 80 columns at most. */
function paragraph(words: readonly string[]): string {
  const lines = [" "];
  for (const [at, word] of words.entries()) {
    const text = at === words.length - 1 ? word : `${word},`;
    if (`${lines.at(-1)} ${text}`.length > 80) lines.push(" ");
    lines.push(`${lines.pop()} ${text}`);
  }
  return lines.join("\n");
}

async function run(args: readonly string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseOptions("scan", args, {
    ...POLICY_OPTIONS,
    json: { type: "boolean" },
    color: { type: "string" },
    dir: { type: "string" },
    ...KEY_OPTIONS,
  });
  const style = styleOption(values.color, io);
  const policy = await policyOption(values, io.env);
  const names = positionals.length === 0 ? ["latest"] : positionals;
  return await withTapes(names, values, io, async (tapes) => {
    let code = 0;
    for (const tape of tapes) {
      const scan = new Scan(tape, policy, io, tapes.length > 1);
      const found = values.json === true ? await scan.json() : await scan.table(style, tape === tapes.at(-1));
      code = Math.max(code, found);
    }
    return code;
  });
}

/** A place with what one rule has found there. */
interface Row {
  readonly finding: SecretFinding;
  count: number;
}

const COLUMNS: readonly Column<Row>[] = [
  { title: "RULE", cell: ({ finding }) => finding.rule },
  { title: "COUNT", cell: ({ count }) => count === 1 ? "" : formatCount(count), align: "right", dropOrder: 2 },
  { title: "LINE", cell: ({ finding: { line } }) => line === undefined ? "" : formatCount(line), align: "right" },
  {
    title: "FRAME",
    cell: ({ finding: { seq } }) => seq === undefined ? "" : formatCount(seq),
    align: "right",
    dropOrder: 1,
  },
  { title: "PLACE", cell: placeOf, minWidth: 24 },
];

function placeOf({ finding: { line, place } }: Row): string {
  return escapeControls(line === undefined ? `metadata ${place}` : place);
}

/** One tape that is looked through. */
class Scan {
  readonly #tape: OpenedTape;
  readonly #policy: LoadedPolicy;
  readonly #io: CommandIo;
  readonly #damage: DamageReports;
  readonly #name: string | undefined;

  /** @param isNamed whether it has to be said which tape is damaged */
  constructor(tape: OpenedTape, policy: LoadedPolicy, io: CommandIo, isNamed: boolean) {
    this.#tape = tape;
    this.#name = isNamed ? tape.path : undefined;
    this.#policy = policy;
    this.#io = io;
    this.#damage = new DamageReports(io);
  }

  /** Prints what is found for programs, and gives the exit code. */
  async json(): Promise<number> {
    const { path, init: { tape_id } } = this.#tape;
    const print = (fields: object) => this.#io.stdout.write(`${asciiJson(fields)}\n`);
    const result = await this.#look(({ rule, line = null, seq = null, place }) => {
      void print({ type: "finding", tape_id, path, rule, line, seq, place });
    });
    const { count, rules } = result;
    await print({ type: "summary", tape_id, path, count, rules, damaged_line_count: this.#damage.count });
    return await this.#finish(result);
  }

  /** The same for people. */
  async table(style: Style, isLast: boolean): Promise<number> {
    const rows: Row[] = [];
    let more = 0;
    const result = await this.#look((finding) => {
      const row = rows.find((row) => isSame(row.finding, finding));
      if (row !== undefined) row.count++;
      else if (rows.length < MAX_ROWS) rows.push({ finding, count: 1 });
      else more++;
    });
    const { stdout, columns } = this.#io;
    const said = result.count === 0
      ? style.good("no secret found")
      : `${style.bad(`${plural(result.count, "secret")} found`)}: ${ruleCounts(result.rules)}`;
    const lines = [`${escapeControls(this.#tape.path)}: ${said}`];
    if (rows.length > 0) lines.push("", ...tableLines(rows, COLUMNS, style, columns));
    if (more > 0) lines.push(style.dim(`${formatCount(more)} more; --json has them all`));
    if (rows.length > 0 && !isLast) lines.push("");
    await stdout.write(lines.map((line) => `${line}\n`).join(""));
    return await this.#finish(result);
  }

  async #look(onFinding: (finding: SecretFinding) => void): Promise<ScanTapeResult> {
    const { store, key, tapeId } = this.#tape;
    const progress = new Progress(await store.size(key) ?? 0, this.#io);
    return await naming(this.#tape, () =>
      scanTape(store, tapeId, {
        policy: this.#policy,
        signal: this.#io.signal,
        onFinding,
        onProgress: (bytes) => progress.at(bytes),
        onError: (error: TapeError) => this.#damage.report(error, this.#name),
      })).catch((error) => {
        if (isTapeError(error, "line_too_long")) error.message = `${this.#tape.path}: ${error.message}`;
        throw error;
      }).finally(() => progress.clear());
  }

  async #finish({ count }: ScanTapeResult): Promise<number> {
    const damaged = this.#damage.count;
    if (damaged > 0) {
      const what = `${plural(damaged, "line")} of it ${damaged === 1 ? "is" : "are"} damaged`;
      await this.#io.stderr.write(`tapeline: ${escapeControls(this.#tape.path)} is not complete: ${what}\n`);
    }
    return count > 0 || damaged > 0 ? 3 : 0;
  }
}

function isSame(a: SecretFinding, b: SecretFinding): boolean {
  return a.rule === b.rule && a.line === b.line && a.place === b.place;
}

/** `tapeline scan` */
export const scan: Command = { name: "scan", summary: "what of a tape looks like a secret", help: HELP, run };

/** What `main.ts` starts. */
export const program: Program = programOf(scan);
