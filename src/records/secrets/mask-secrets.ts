import { isHarmless, schemeLength, type SecretSpan, secretSpans } from "./secret-text.ts";
import { isSecretName, SECRET_STEMS } from "./secret-name.ts";

/** What stands in the place of a secret. */
export const MASK = "[masked]";

const OPTION = /^--?[A-Za-z][\w.-]*$/;
const ASSIGNMENT = /^(-{0,2}[A-Za-z_][\w.-]*)=([^]*)$/;
const HEADER = /^([A-Za-z][\w-]*):(?!\/\/)([ \t]*)([^]*)$/;

/**
 * The arguments of a command without the secrets in them: what follows `--api-key` or `TOKEN=`, in a header, in a URL.
 * `[masked]` stands in their place. What is a secret is told by names, so one that has none stays.
 *
 * @example
 * ```ts
 * maskArguments(["--api-key", "s3cret", "https://me:pw@example.com"]); // ["--api-key", "[masked]", "https://[masked]@example.com"]
 * ```
 */
export function maskArguments(args: readonly string[]): string[] {
  let isValue = false;
  return args.map((arg) => {
    const wasName = isValue;
    isValue = OPTION.test(arg) && isSecretName(arg);
    // After a secret option another one may come at once: then the first was a switch.
    if (wasName && !/^--[A-Za-z]|^-[A-Za-z]$/.test(arg)) {
      isValue = false;
      return masked(arg);
    }
    return maskArgument(arg);
  });
}

/**
 * Any text without the secrets in it: passwords in URLs, `token=…` in queries, headers, `"apiKey": "…"` in JSON, options in
 * a command line. See {@linkcode maskArguments}.
 */
export function maskSecrets(text: string): string {
  return mask(text, true);
}

/** As {@linkcode maskSecrets}, for what a program has logged: prose, and programs in it, are let through. */
export function maskLog(text: string): string {
  return MAY_NAME.test(text) ? mask(text, false) : text;
}

/** What has none of these names no secret. */
const MAY_NAME = new RegExp(`${SECRET_STEMS.join("|")}|://`, "i");

function mask(text: string, isCommand: boolean): string {
  const spans = [...secretSpans(text, isCommand)].sort((a, b) => a.start - b.start);
  let result = "";
  let done = 0;
  for (let at = 0; at < spans.length;) {
    const { start } = spans[at]!;
    // Of what one has found and another too, nothing is left.
    let { end }: SecretSpan = spans[at++]!;
    while (at < spans.length && spans[at]!.start < end) end = Math.max(end, spans[at++]!.end);
    result += text.slice(done, start) + MASK;
    done = end;
  }
  return result + text.slice(done);
}

/** @param depth how many names may stand before the value, as in `--env=TOKEN=abc` */
function maskArgument(arg: string, depth = 2): string {
  const [, name, value = ""] = (depth > 0 && ASSIGNMENT.exec(arg)) || [];
  if (name !== undefined) return `${name}=${isSecretName(name) ? masked(value) : maskArgument(value, depth - 1)}`;
  const [, header, space, content] = HEADER.exec(arg) ?? [];
  if (header !== undefined && isSecretName(header)) return `${header}:${space}${masked(content!)}`;
  return maskSecrets(arg);
}

function masked(value: string): string {
  return isHarmless(value) ? value : `${value.slice(0, schemeLength(value))}${MASK}`;
}
