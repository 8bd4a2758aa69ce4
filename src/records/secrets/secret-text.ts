import { isSecretName } from "./secret-name.ts";

/** Where a secret stands in a text. */
export interface SecretSpan {
  readonly start: number;
  readonly end: number;
  /** The name it has; none where it stands in front of the host in a URL. */
  readonly name?: string;
}

/** What stands in the place of a secret. */
const TOKEN = String.raw`\[(?:masked|REDACTED:[\w.-]{1,64}:[0-9a-f]{12})\]`;
/** Values that tell nothing that others may not know: switches, names of variables, and what a secret was replaced by. */
const HARMLESS = new RegExp(
  String.raw`^(?:|true|false|yes|no|on|off|none|null|0|1|\$\{?\w+\}?|%\w+%|${TOKEN})$`,
  "i",
);
/** The same of what stands in texts: examples in documents, and expressions in programs. */
const PLACEHOLDER = new RegExp(
  [
    ...[
      "undefined",
      "nil",
      "string",
      "number",
      "boolean",
      "object",
      "basic",
      "bearer",
      "digest",
      "oauth2?",
      "oidc",
      "mtls",
    ],
    ...["required", "optional", "redacted", "hidden", "masked", "enabled", "disabled", "token", "password", "secret"],
    ...["<[^<>]*>", String.raw`\{\{?[^{}]*\}?\}`, String.raw`\$\([^()]*\)`, "\\*+", "x{3,}", "\\.+|…", "-+", "_+"],
    // `your-api-key`, `MY_TOKEN_HERE`, `process.env.TOKEN`, `config.get`
    ...[String.raw`(?:your|my)[-_ ][a-z_ -]*`, String.raw`\$?[a-z_]+(?:\.[a-z_]+)+`, String.raw`[a-z_.]+\([^]*`],
    String.raw`\$\{[^{}]*\}`,
    // Types, elements of lists, versions.
    ...["u?int\\d+.*|float\\d+.*", String.raw`[a-z_$][\w$.]*\[[^\]]*\]`, String.raw`[\^~]?\d+\.\d+\.\d+[\w.-]*`],
  ].map((part) => `(?:${part})`).join("|").replace(/^/, "^(?:").concat(")$"),
  "i",
);

/** What stands before the secret in a header: `Bearer abc`. */
const SCHEME = /^(?:Basic|Bearer|Digest|Negotiate|Token|ApiKey)[ \t]+/i;

/** Whether a value with the name of a secret is none after all: it is a switch, or stands for a value that is not there. */
export function isHarmless(value: string): boolean {
  return HARMLESS.test(value);
}

/** As {@linkcode isHarmless}, for what people have written: `<your token>`, `process.env.TOKEN`, `string`. */
export function isPlaceholder(value: string): boolean {
  return HARMLESS.test(value) || value.length < 200 && PLACEHOLDER.test(value);
}

/** How much of a value stays in front of the secret: `Bearer `. */
export function schemeLength(value: string): number {
  return SCHEME.exec(value)?.[0].length ?? 0;
}

/**
 * Whether a value looks like no word of a language: letters with digits among them, without a space. For what may be a secret
 * or not, by its name.
 */
export function isOpaque(value: string): boolean {
  return value.length >= 6 && !value.includes("[REDACTED:") && /[0-9]/.test(value) && /[A-Za-z]/.test(value) &&
    !/[\s(){}<>]/.test(value) &&
    !/^(?:v?\d+(?:\.\d+)+.*|\d{4}-\d\d-\d\d.*|\.{0,2}\/.*|[a-z]+:\/\/.*)$/i.test(value);
}

// Each of these takes time in proportion to the text: a name is looked for only where one starts, a value only behind the
// name of a secret, and what may be repeated is never followed by what it could have taken.
const URL_USER = /(?<![a-z0-9+.-])([a-z][a-z0-9+.-]*:\/\/)([^\s/?#"'@]*@)/gi;

/** Where something has a name. */
interface Named {
  /** All up to its value, with its name in the group `name`. */
  readonly name: RegExp;
  /** The value; a text in quotes loses them. */
  readonly value: RegExp | ((text: string, at: number, match: RegExpExecArray) => number);
  /** In a text that nobody has typed into a command line: whether it is a secret, however much its name says so. */
  readonly isSure: (value: string, name: string, text: string, at: number) => boolean;
}

const always = () => true;

/** `"apiKey": "abc"`, and the same in a text in a text: `\"apiKey\": \"abc\"` */
const MEMBER: Named = {
  name: /(?<!\\)(\\*)"(?<name>[^"\\]{1,200})\1"\s*:\s*\1"/g,
  value: (text, at, match) => quotedEnd(text, at, match[1]!.length),
  isSure: always,
};
/** `'apiKey': 'abc'` */
const SINGLE_QUOTED_MEMBER: Named = { name: /'(?<name>[^'\\]{1,200})'\s*:\s*'/g, value: /[^']+/y, isSure: always };
/** `-H "X-Api-Key: abc"` */
const QUOTED_HEADER: Named = {
  name: /(?<=["'])(?<name>[A-Za-z][\w-]*):[ \t]*/g,
  value: /[^"'\\\r\n]+/y,
  isSure: (value) => isSureHeader(value),
};
/** `?token=abc`, `TOKEN='abc'` */
const PAIR: Named = {
  name: /(?<![\w.-])(?<name>-{0,2}[A-Za-z_][\w.-]*)=/g,
  value: /"[^"]*"|'[^']*'|[^\s&;,#"'|)\\<>`]+/y,
  isSure(value, name, text, at) {
    const isLiteral = /["']/.test(text[at + name.length + 1] ?? "");
    const before = text[at - 1] ?? "";
    const isField = /[?&;]/.test(before) || !/[\sA-Z(]/.test(text.slice(0, 200)) || /^[A-Z][A-Z0-9_]*$/.test(name);
    return isLiteral || isField || isOpaque(value);
  },
};
/** `--token abc` */
const SPACED_OPTION: Named = {
  name: /(?<![\w-])(?<name>--?[A-Za-z][\w.-]*)[ \t]+/g,
  value: /"[^"]*"|'[^']*'|[^\s\-;|&"'\\][^\s;|&"'\\]*/y,
  isSure: (value) => isOpaque(value),
};
/** `Authorization: Basic abc`, `password: abc1` */
const FIELD: Named = {
  name: /(?<![\w.-])(?<name>[A-Za-z][\w.-]*):[ \t]+/g,
  value: fieldEnd,
  isSure: (value) => isSureHeader(value),
};
/** `Bearer abc` */
const BEARER: Named = { name: /\b(?<name>Basic|Bearer)[ \t]+/gi, value: /[\w+/=.~-]{6,}/y, isSure: () => false };

function isSureHeader(value: string): boolean {
  const rest = value.slice(schemeLength(value));
  return isOpaque(rest) || /^[\w.-]+=[^\s;]+(?:; ?[\w.-]+=|$)/.test(value) || rest !== value && /^\S{6,}$/.test(rest);
}

/** Cookies go on to the end of the line, other values to the next space. */
function fieldEnd(text: string, at: number, match: RegExpExecArray): number {
  const pattern = /cookies?$/i.test(match.groups!.name!)
    ? TO_LINE_END
    : schemeLength(text.slice(at, at + 40)) > 0
    ? TWO_WORDS
    : ONE_WORD;
  const value = new RegExp(pattern);
  value.lastIndex = at;
  return value.test(text) ? value.lastIndex : -1;
}

const TO_LINE_END = /[^\s"'\\][^\r\n"'\\]*/y;
const TWO_WORDS = /[A-Za-z]+[ \t]+[^\s"'\\,;]+/y;
const ONE_WORD = /[^\s"'\\,;]+/y;

/** The end of what stands in quotes, before which so many backslashes stand. */
function quotedEnd(text: string, at: number, backslashes: number): number {
  for (let end = at;;) {
    end = text.indexOf('"', end);
    if (end < 0) return text.length;
    let start = end;
    while (start > at && text[start - 1] === "\\") start--;
    const odd = end - start;
    // One that has more of them is a part of what is quoted.
    if (backslashes === 0 ? odd % 2 === 0 : odd <= backslashes) {
      return start === end ? end : end - Math.min(odd, backslashes);
    }
    end++;
  }
}

/**
 * Where secrets stand in a text that have the name of one, or a place where only secrets stand: passwords in URLs, `token=…` in
 * queries, headers, `"apiKey": "…"` in JSON, options in a command line. In no order, and one may be in another.
 *
 * @param isCommand whether somebody has typed it: then a name is enough. Else prose and programs are let through.
 * @param isSecret tells a name; {@linkcode isSecretName} by default
 */
export function* secretSpans(
  text: string,
  isCommand: boolean,
  isSecret: (name: string) => boolean = isSecretName,
): Generator<SecretSpan, void, undefined> {
  const harmless = isCommand ? isHarmless : isPlaceholder;
  for (const match of text.matchAll(URL_USER)) {
    const [, scheme = "", user = ""] = match;
    const isLogin = !user.includes(":") && (user === "git@" || /^(?:ssh|sftp|git\+ssh):/i.test(scheme));
    const password = user.slice(0, -1);
    if (isLogin || HARMLESS.test(password) || !isCommand && isExampleUser(password)) continue;
    const start = match.index + scheme.length;
    yield { start, end: start + password.length };
  }
  for (const kind of [MEMBER, SINGLE_QUOTED_MEMBER, QUOTED_HEADER, SPACED_OPTION, PAIR, BEARER, FIELD]) {
    if (isCommand ? kind === FIELD : kind === BEARER) continue;
    let done = 0;
    for (const match of text.matchAll(kind.name)) {
      const name = match.groups!.name!;
      const start = match.index + match[0].length;
      if (start < done || !isNamed(kind, name, text, match.index, isSecret)) continue;
      const end = valueEnd(kind, text, start, match);
      if (end < 0) continue;
      done = end;
      const span = withoutQuotes(text, start, end);
      const value = text.slice(span.start, span.end);
      if (harmless(value) || !isCommand && !isSure(kind, value, name, text, match.index)) continue;
      const secret = span.start + schemeLength(value);
      if (!HARMLESS.test(text.slice(secret, span.end))) yield { start: secret, end: span.end, name };
    }
  }
}

/** Keys that are no secrets are in many URLs. */
function isSure(kind: Named, value: string, name: string, text: string, at: number): boolean {
  return name === "key" ? isOpaque(value) && value.length >= 16 : kind.isSure(value, name, text, at);
}

/** `key` alone is the name of a secret only in the query of a URL. */
function isNamed(
  kind: Named,
  name: string,
  text: string,
  at: number,
  isSecret: (name: string) => boolean,
): boolean {
  return kind === BEARER || isSecret(name) || kind === PAIR && name === "key" && /[?&]/.test(text[at - 1] ?? "");
}

function valueEnd({ value }: Named, text: string, at: number, match: RegExpExecArray): number {
  if (typeof value === "function") return value(text, at, match);
  const pattern = new RegExp(value);
  pattern.lastIndex = at;
  return pattern.exec(text) === null ? -1 : pattern.lastIndex;
}

function withoutQuotes(text: string, start: number, end: number): SecretSpan {
  const quote = text[start];
  const isQuoted = end - start > 1 && (quote === '"' || quote === "'") && text[end - 1] === quote;
  return isQuoted ? { start: start + 1, end: end - 1 } : { start, end };
}

/** Nobody's password: `user:password@`, `<user>:<password>@`. */
function isExampleUser(user: string): boolean {
  return /^(?:<[^<>]*>|\{[^{}]*\}|\$\{?\w+\}?|user(?:name)?|\.+|\*+)?:?(?:<[^<>]*>|\{[^{}]*\}|\$\{?\w+\}?|pass(?:word)?|pwd|\.+|\*+|x+)?$/i
    .test(user);
}
