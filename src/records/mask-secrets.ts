import { isSecretName } from "./secret-name.ts";

/** What stands in the place of a secret. */
export const MASK = "[masked]";

/** Values that tell nothing that others may not know: switches, and names of variables. */
const HARMLESS = /^(?:|true|false|yes|no|on|off|none|null|0|1|\$\{?\w+\}?|%\w+%|\[masked\])$/i;

/** What stands before the secret in a header: `Bearer abc`. */
const SCHEME = /^(?:Basic|Bearer|Digest|Negotiate|Token)[ \t]+/i;

// Each of these takes time in proportion to the text: a name is looked for only where one starts, a value only behind the
// name of a secret, and what may be repeated is never followed by what it could have taken.
const OPTION = /^--?[A-Za-z][\w.-]*$/;
const ASSIGNMENT = /^(-{0,2}[A-Za-z_][\w.-]*)=([^]*)$/;
const HEADER = /^([A-Za-z][\w-]*):(?!\/\/)([ \t]*)([^]*)$/;
const URL_USER = /(?<![a-z0-9+.-])([a-z][a-z0-9+.-]*:\/\/)([^\s/?#"'@]*@)/gi;

/** Where something has a name. */
interface Named {
  /** Its name, as the first group, and all up to its value. */
  readonly name: RegExp;
  readonly value: RegExp;
}

/** `"apiKey": "abc"` */
const MEMBER: Named = { name: /"([^"\\]{1,200})"\s*:\s*"/g, value: /(?:[^"\\]|\\[^])+/y };
/** `'apiKey': 'abc'` */
const SINGLE_QUOTED_MEMBER: Named = { name: /'([^'\\]{1,200})'\s*:\s*'/g, value: /[^']+/y };
/** `-H "X-Api-Key: abc"` */
const QUOTED_HEADER: Named = { name: /(?<=["'])([A-Za-z][\w-]*):[ \t]*/g, value: /[^"']+/y };
/** `?token=abc`, `TOKEN='abc'` */
const PAIR: Named = { name: /(?<![\w.-])(-{0,2}[A-Za-z_][\w.-]*)=/g, value: /"[^"]*"|'[^']*'|[^\s&;,#"'|)]+/y };
/** `--token abc` */
const SPACED_OPTION: Named = {
  name: /(?<![\w-])(--?[A-Za-z][\w.-]*)[ \t]+/g,
  value: /"[^"]*"|'[^']*'|[^\s\-;|&"'][^\s;|&"']*/y,
};
/** `Bearer abc` */
const BEARER: Named = { name: /\b(Basic|Bearer)[ \t]+/gi, value: /[\w+/=.~-]{6,}/y };

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
  let result = text.replace(URL_USER, (whole, scheme: string, user: string) => {
    const isLogin = !user.includes(":") && (user === "git@" || /^(?:ssh|sftp|git\+ssh):/i.test(scheme));
    return isLogin ? whole : `${scheme}${MASK}@`;
  });
  for (const named of [MEMBER, SINGLE_QUOTED_MEMBER, QUOTED_HEADER, SPACED_OPTION]) {
    result = maskValues(result, named, isSecretName);
  }
  // `key` alone is the name of a secret only in the query of a URL.
  result = maskValues(
    result,
    PAIR,
    (name, at) => isSecretName(name) || (name === "key" && /[?&]/.test(result[at - 1] ?? "")),
  );
  return maskValues(result, BEARER, () => true);
}

/** @param depth how many names may stand before the value, as in `--env=TOKEN=abc` */
function maskArgument(arg: string, depth = 2): string {
  const [, name, value = ""] = (depth > 0 && ASSIGNMENT.exec(arg)) || [];
  if (name !== undefined) return `${name}=${isSecretName(name) ? masked(value) : maskArgument(value, depth - 1)}`;
  const [, header, space, content] = HEADER.exec(arg) ?? [];
  if (header !== undefined && isSecretName(header)) return `${header}:${space}${masked(content!)}`;
  return maskSecrets(arg);
}

/** @param isSecret whether what has this name, which stands at an offset, is a secret */
function maskValues(text: string, named: Named, isSecret: (name: string, at: number) => boolean): string {
  let result = "";
  let done = 0;
  const value = new RegExp(named.value);
  for (const match of text.matchAll(named.name)) {
    const start = match.index + match[0].length;
    if (start < done || !isSecret(match[1]!, match.index)) continue;
    value.lastIndex = start;
    const [found] = value.exec(text) ?? [];
    if (found === undefined) continue;
    result += text.slice(done, start) + maskedWord(found);
    done = start + found.length;
  }
  return result + text.slice(done);
}

/** A value with or without quotes around it. */
function maskedWord(value: string): string {
  const quote = value[0];
  const isQuoted = value.length > 1 && (quote === '"' || quote === "'") && value.endsWith(quote);
  return isQuoted ? `${quote}${masked(value.slice(1, -1))}${quote}` : masked(value);
}

function masked(value: string): string {
  if (HARMLESS.test(value)) return value;
  const [scheme = ""] = SCHEME.exec(value) ?? [];
  return `${scheme}${MASK}`;
}
