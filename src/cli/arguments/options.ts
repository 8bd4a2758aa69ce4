import { nearest } from "../../nearest.ts";
import { parseArgs } from "node:util";
import type { Direction, TapeRecord, UnknownRecordType } from "../../records/record.ts";
import { type CommandIo, UsageError } from "../command.ts";
import { escapeControls, type Style, styleFor } from "../terminal/text.ts";

/** The options of a command, in the shape of `node:util`. */
export type OptionConfig = NonNullable<NonNullable<Parameters<typeof parseArgs>[0]>["options"]>;

/** What {@linkcode parseOptions} found. */
export type Parsed<Options extends OptionConfig> = ReturnType<
  typeof parseArgs<{ options: Options; allowPositionals: true; strict: true }>
>;

/**
 * The options and arguments of one command.
 *
 * @throws {UsageError} an option that the command does not have, or that lacks its value
 */
export function parseOptions<const Options extends OptionConfig>(
  command: string,
  args: readonly string[],
  options: Options,
): Parsed<Options> {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
  } catch (error) {
    throw new UsageError(`${explain(error, options)}; see "tapeline ${command} --help"`, { cause: error });
  }
}

/**
 * The one argument of a command, if it was given.
 *
 * @throws {UsageError} there are more
 */
export function optionalArgument(command: string, args: readonly string[]): string | undefined {
  const [first, second] = args;
  if (second !== undefined) throw tooMany(command, second);
  return first;
}

/**
 * Where a command line of somebody else starts in ours: behind `--`, or with the first argument that is neither an option
 * nor the value of one. All from there on is not ours, and a `--` in there neither.
 */
export function splitCommandLine(
  args: readonly string[],
  options: OptionConfig,
): { readonly own: readonly string[]; readonly commandLine: readonly string[] } {
  const end = args.indexOf("--");
  const before = end < 0 ? args : args.slice(0, end);
  const { tokens } = parseArgs({ args: [...before], options, allowPositionals: true, strict: false, tokens: true });
  const first = tokens.find(({ kind }) => kind === "positional");
  if (first !== undefined) return { own: args.slice(0, first.index), commandLine: args.slice(first.index) };
  return { own: before, commandLine: end < 0 ? [] : args.slice(end + 1) };
}

/**
 * The arguments of a command, in which an option stands with its value behind `=`, also where it may go without one: `--redact`
 * becomes `--redact=`, and `--redact FILE` becomes `--redact=FILE` where the word behind it is taken for its value. What comes
 * behind `--` or the first word that is no option stays as it is: it may be somebody else's.
 *
 * @param isValue whether a word behind the option is its value
 */
export function withOptionalValue(
  args: readonly string[],
  name: string,
  options: OptionConfig,
  isValue: (word: string) => boolean,
): readonly string[] {
  const end = args.indexOf("--");
  const before = end < 0 ? args : args.slice(0, end);
  const { tokens } = parseArgs({
    args: [...before],
    options: { ...options, [name]: { type: "boolean" } },
    allowPositionals: true,
    strict: false,
    tokens: true,
  });
  for (const token of tokens) {
    if (token.kind === "positional") break;
    if (token.kind !== "option" || token.name !== name || token.value !== undefined) continue;
    const next = before[token.index + 1];
    const value = next !== undefined && isValue(next) ? next : undefined;
    const rest = args.slice(token.index + (value === undefined ? 1 : 2));
    return withOptionalValue(
      [...args.slice(0, token.index), `--${name}=${value ?? ""}`, ...rest],
      name,
      options,
      isValue,
    );
  }
  return args;
}

/** @throws {UsageError} there is an argument */
export function noArguments(command: string, args: readonly string[]): void {
  if (args[0] !== undefined) throw tooMany(command, args[0]);
}

/**
 * A number given as an option; undefined if it was not given.
 *
 * @throws {UsageError} it is not a number that `accepts` takes
 */
export function numberOption(
  name: string,
  text: string | undefined,
  what: string,
  accepts: (value: number) => boolean,
): number | undefined {
  if (text === undefined) return undefined;
  const value = /^-?(\d+\.?\d*|\.\d+)$/.test(text) ? Number(text) : NaN;
  if (!accepts(value)) throw new UsageError(`${name} must be ${what}, not "${escapeControls(text)}"`);
  return value;
}

/**
 * One of a few words given as an option.
 *
 * @throws {UsageError} it is none of them
 */
export function choiceOption<const Choice extends string>(
  name: string,
  text: string | undefined,
  choices: readonly Choice[],
): Choice | undefined {
  if (text === undefined) return undefined;
  return choiceOf(name, text, choices);
}

function choiceOf<const Choice extends string>(name: string, text: string, choices: readonly Choice[]): Choice {
  const found = choices.find((choice) => choice === text);
  if (found !== undefined) return found;
  const meant = nearest(text, choices);
  const hint = meant === undefined ? "" : `; did you mean ${meant}?`;
  const listed = `${choices.slice(0, -1).join(", ")} or ${choices.at(-1)}`;
  throw new UsageError(`${name} must be ${listed}, not "${escapeControls(text)}"${hint}`);
}

/**
 * The direction that `--from` means; undefined for both.
 *
 * @throws {UsageError} it is none of client, server, both
 */
export function directionOption(from: string | undefined): Direction | undefined {
  switch (choiceOption("--from", from, ["client", "server", "both"])) {
    case "client":
      return "client_to_server";
    case "server":
      return "server_to_client";
    default:
      return undefined;
  }
}

/** The types of records that are known here; the compiler sees to it that none is missing. */
const RECORD_TYPES: Readonly<Record<Exclude<TapeRecord["type"], UnknownRecordType>, true>> = {
  init: true,
  frame: true,
  correlation: true,
  checkpoint: true,
  gap: true,
  log: true,
  end: true,
  redacted: true,
};
const OTHER = "other";

/**
 * Decides on the type of a record by what `--type` says: types with commas between them, and `other` for those that a
 * newer recorder knows. Undefined if it was not given.
 *
 * @throws {UsageError} it names a type that there is not
 */
export function typesOption(lists: readonly string[] | undefined): ((type: string) => boolean) | undefined {
  if (lists === undefined) return undefined;
  const choices = [...Object.keys(RECORD_TYPES), OTHER];
  const wanted = new Set(
    lists.flatMap((list) => list.split(",")).map((type) => choiceOf("--type", type.trim(), choices)),
  );
  return (type) => wanted.has(Object.hasOwn(RECORD_TYPES, type) ? type : OTHER);
}

/**
 * The colours that `--color` asks for.
 *
 * @throws {UsageError} it is none of auto, always, never
 */
export function styleOption(color: string | undefined, io: Pick<CommandIo, "isTty" | "env">): Style {
  return styleFor(io, choiceOption("--color", color, ["auto", "always", "never"]));
}

function tooMany(command: string, arg: string): UsageError {
  return new UsageError(`${command} does not take "${escapeControls(arg)}"; see "tapeline ${command} --help"`);
}

/** What `parseArgs` found wrong, in one short sentence. */
function explain(error: unknown, options: OptionConfig): string {
  const message = error instanceof Error ? error.message : String(error);
  const [, option, problem] = /^Option '(?:-\w, )?(-[^' ]+)(?: <value>)?' ([^.\n]*)/.exec(message) ?? [];
  switch (problem) {
    case "argument missing":
      return `${option} needs a value`;
    case "argument is ambiguous": {
      const long = /'(--[^=']+)=-XYZ'/.exec(message)?.[1] ?? option;
      return `${option} needs a value; one that begins with a dash is written ${long}=VALUE`;
    }
    case "does not take an argument":
      return `${option} takes no value`;
  }
  const named = /^Unknown option '([^']*)'/.exec(message)?.[1];
  if (named === undefined) return escapeControls(message.split("\n", 1)[0]!);
  // Of several letters behind one dash Bun names the first without it.
  const unknown = named.startsWith("-") ? named : `-${named}`;
  const meant = unknown.startsWith("--") ? nearest(unknown.slice(2), Object.keys(options)) : undefined;
  return `there is no option ${escapeControls(unknown)}${meant === undefined ? "" : `, did you mean --${meant}?`}`;
}
