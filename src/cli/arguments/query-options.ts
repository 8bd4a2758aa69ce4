import { parseArgs } from "node:util";
import { FRAMES, namesIn } from "../../query/syntax/term-names.ts";
import { UsageError } from "../command.ts";
import { type OptionConfig, type Parsed, parseOptions } from "./options.ts";

const QUERY_NAMES: ReadonlySet<string> = new Set([...namesIn(FRAMES), ...Object.keys(FRAMES.aliases)]);

/**
 * As {@linkcode parseOptions}, for a command whose first argument is a query, which may begin with a dash: `-tool:search` is
 * no option, though `-op:(…)` reads like `-o`.
 *
 * @throws {UsageError} an option that the command does not have, or that lacks its value
 */
export function parseQueryOptions<const Options extends OptionConfig>(
  command: string,
  args: readonly string[],
  options: Options,
): Parsed<Options> {
  const end = args.includes("--") ? args.indexOf("--") : args.length;
  const at = args.findIndex((arg, at) => at < end && isNegatedQuery(arg) && !wantsValue(args[at - 1] ?? "", options));
  if (at >= 0) {
    const before = parseArgs({ args: args.slice(0, at), options, allowPositionals: true, strict: false }).positionals;
    const { values, positionals } = parseOptions(command, [...args.slice(0, at), ...args.slice(at + 1)], options);
    return { values, positionals: [...before, args[at]!, ...positionals.slice(before.length)] } as Parsed<Options>;
  }
  try {
    return parseOptions(command, args, options);
  } catch (error) {
    if (!(error instanceof UsageError) || !/^there is no option -[^-]/.test(error.message)) throw error;
    const hint = "; a query that begins with a dash stands behind --, or is written with NOT";
    throw new UsageError(error.message.replace(/(?=; see )/, hint), { cause: error.cause });
  }
}

/** Whether it is a query that begins with "not", and can be nothing else. */
function isNegatedQuery(arg: string): boolean {
  if (/^-+[("/$]/.test(arg)) return true;
  const [, name] = /^-([\w$."-]+):/.exec(arg) ?? [];
  return name !== undefined && (QUERY_NAMES.has(name) || /^\w[\w-]*\../.test(name));
}

/** Whether what stands behind it is its value. */
function wantsValue(option: string, options: OptionConfig): boolean {
  const [, long, short] = /^(?:--([\w-]+)|-(\w))$/.exec(option) ?? [];
  const found = Object.entries(options).find(([name, { short: letter }]) => name === long || letter === short && short);
  return found?.[1].type === "string";
}
