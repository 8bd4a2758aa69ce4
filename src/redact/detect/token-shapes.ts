import { BACKSLASH } from "../../json/json-tokens.ts";
import type { Hit } from "./hit.ts";

// What secrets look like that say themselves what they are. Each begins with a text that nothing else begins with, which is
// what is looked for; only behind it a few classes of characters are counted. So it takes time in proportion to the text,
// whatever that is.

/** One piece of a secret: so many characters of a class, after a text that has to stand there. */
interface Part {
  /** What stands in front of it; nothing by default. */
  readonly after?: string;
  readonly chars: Chars;
  readonly min: number;
  /** More of them than this are none of it. */
  readonly max?: number;
  /** Whether the secret may end without it. */
  readonly optional?: true;
}

/** A kind of secret. */
export interface TokenShape {
  /** The name of the rule. */
  readonly rule: string;
  /** What it begins with, to the letter. Three characters at least. */
  readonly prefixes: readonly string[];
  readonly parts: readonly Part[];
  /** Whether the prefix is only what stands in front of it, and stays. */
  readonly isBehind?: true;
  /** A further condition on what was found, without what stands in front of it. */
  readonly holds?: (text: string) => boolean;
  /** May stand in the middle of a word. */
  readonly anywhere?: true;
}

type Chars = "alnum" | "word" | "hex" | "dotted" | "base64" | "base32" | "bearer";

const CLASSES: Readonly<Record<Chars, Uint8Array>> = {
  alnum: classOf(""),
  /** base64url */
  word: classOf("_-"),
  hex: Uint8Array.from({ length: 128 }, (_, code) => /[0-9A-Fa-f]/.test(String.fromCharCode(code)) ? 1 : 0),
  base32: Uint8Array.from({ length: 128 }, (_, code) => /[0-9A-Z]/.test(String.fromCharCode(code)) ? 1 : 0),
  base64: classOf("+/"),
  dotted: classOf("_-.~"),
  bearer: classOf("_-.~+/"),
};

/** These may end in `=` or `==`. */
const PADDED: ReadonlySet<Chars> = new Set<Chars>(["base64", "bearer"]);

function classOf(more: string): Uint8Array {
  return Uint8Array.from({ length: 128 }, (_, code) => {
    const char = String.fromCharCode(code);
    return /[0-9A-Za-z]/.test(char) || more.includes(char) ? 1 : 0;
  });
}

/** Words have no digits in them. */
function hasDigit(text: string): boolean {
  return /[0-9]/.test(text);
}

function row(rule: string, prefixes: string, chars: Chars, min: number, max?: number): TokenShape {
  return { rule, prefixes: prefixes.split(" "), parts: [{ chars, min, ...(max === undefined ? {} : { max }) }] };
}

/** The kinds of secrets that are known here. Longer prefixes stand before shorter ones. */
export const TOKEN_SHAPES: readonly TokenShape[] = [
  {
    rule: "jwt",
    prefixes: ["eyJ"],
    anywhere: true,
    parts: [
      { chars: "word", min: 8 },
      { after: ".", chars: "word", min: 8 },
      // The signature, or what else a JWE has; an unsigned one has nothing.
      { after: ".", chars: "word", min: 0, optional: true },
      { after: ".", chars: "word", min: 0, optional: true },
      { after: ".", chars: "word", min: 0, optional: true },
    ],
  },
  { rule: "aws-key-id", prefixes: ["AKIA", "ASIA", "ABIA", "ACCA"], parts: [{ chars: "base32", min: 16, max: 16 }] },
  { ...row("aws-bedrock-key", "ABSK", "base64", 100), holds: hasDigit },
  row("gcp-key", "AIza", "word", 35),
  row("gcp-token", "ya29.", "dotted", 20),
  row("gcp-token", "GOCSPX-", "word", 20),
  { ...row("gcp-token", "1//0", "word", 30), holds: hasDigit },
  { ...row("azure-key", "AccountKey= SharedAccessKey= EndpointKey=", "base64", 20), isBehind: true },
  { ...row("github-token", "ghp_ gho_ ghu_ ghs_ ghr_", "alnum", 30) },
  row("github-token", "github_pat_", "word", 22),
  row(
    "gitlab-token",
    "glpat- gldt- glrt- glcbt- glptt- glft- glsoat- glagent- gloas- glffct- glimt- glwt-",
    "dotted",
    20,
  ),
  row("npm-token", "npm_", "alnum", 30),
  row("pypi-token", "pypi-", "word", 50),
  row("crates-token", "cio", "alnum", 32, 32),
  row("rubygems-key", "rubygems_", "hex", 40),
  row("docker-token", "dckr_pat_ dckr_oat_", "word", 20),
  row("slack-token", "xoxb- xoxp- xoxa- xoxo- xoxs- xoxr- xoxe- xoxc- xoxd- xoxe. xapp-", "bearer", 15),
  { ...row("slack-webhook", "hooks.slack.com/services/ hooks.slack.com/workflows/", "bearer", 20), isBehind: true },
  { ...row("discord-webhook", "discord.com/api/webhooks/ discordapp.com/api/webhooks/", "bearer", 20), isBehind: true },
  row("stripe-key", "sk_live_ sk_test_ rk_live_ rk_test_ sk_prod_ rk_prod_", "alnum", 10),
  { ...row("webhook-secret", "whsec_", "base64", 20) },
  row("anthropic-key", "sk-ant-", "word", 20),
  { ...row("openai-key", "sk-", "word", 20), holds: (text) => hasDigit(text) && /[A-Za-z0-9_]{16}/.test(text) },
  row("huggingface-token", "hf_ api_org_", "alnum", 30),
  { ...row("groq-key", "gsk_", "alnum", 40) },
  { ...row("xai-key", "xai-", "alnum", 60) },
  row("perplexity-key", "pplx-", "alnum", 30),
  row("replicate-token", "r8_", "alnum", 30),
  {
    rule: "sendgrid-key",
    prefixes: ["SG."],
    parts: [{ chars: "word", min: 16, max: 40 }, { after: ".", chars: "word", min: 16 }],
  },
  { ...row("mailgun-key", "key-", "hex", 32, 32) },
  { ...row("mailchimp-key", "md-", "word", 22, 22), holds: hasDigit },
  row("digitalocean-token", "dop_v1_ doo_v1_ dor_v1_", "hex", 40),
  row("shopify-token", "shpat_ shpca_ shppa_ shpss_", "hex", 32),
  { rule: "telegram-token", prefixes: [":AA"], anywhere: true, parts: [{ chars: "word", min: 32, max: 34 }] },
  row("databricks-token", "dapi", "hex", 32, 36),
  row("atlassian-token", "ATATT3 ATCTT3 ATBB", "bearer", 24),
  row("linear-key", "lin_api_ lin_oauth_", "alnum", 30),
  { ...row("notion-token", "ntn_", "alnum", 40) },
  row("grafana-token", "glsa_ glc_", "bearer", 30),
  row("newrelic-key", "NRAK- NRAL- NRII-", "word", 24),
  row("sentry-token", "sntrys_ sntryu_", "bearer", 40),
  row("vault-token", "hvs. hvb. hvr.", "word", 24),
  { ...row("terraform-token", ".atlasv1.", "word", 50), anywhere: true },
  row("pulumi-token", "pul-", "hex", 40, 40),
  row("square-token", "sq0atp- sq0csp- EAAA", "word", 22),
  row("postman-key", "PMAK-", "word", 50),
  row("age-key", "AGE-SECRET-KEY-1", "base32", 50),
  row("supabase-key", "sbp_ sb_secret_", "word", 20),
  row("netlify-token", "nfp_ nfc_", "alnum", 30),
  row("fly-token", "fo1_ fm1r_ fm2_", "bearer", 30),
  row("doppler-token", "dp.pt. dp.st. dp.ct. dp.sa.", "dotted", 30),
  row("figma-token", "figd_ figo_", "word", 30),
  row("heroku-key", "HRKU-", "word", 30),
  row("planetscale-token", "pscale_tkn_ pscale_pw_ pscale_oauth_", "dotted", 30),
  row("clojars-token", "CLOJARS_", "hex", 60),
  row("prefect-key", "pnu_ pnb_", "alnum", 36, 36),
  row("easypost-key", "EZAK EZTK", "alnum", 54, 54),
  row("azure-key", "7Q~ 8Q~", "dotted", 31, 34),
  {
    rule: "bearer-token",
    prefixes: ["Bearer ", "bearer ", "BEARER ", "Token ", "token "],
    isBehind: true,
    parts: [{ chars: "bearer", min: 16 }],
    holds: (text) => hasDigit(text) && /[A-Za-z]/.test(text) && !/^[a-z]+(?:[-./][a-z]+)*$/i.test(text),
  },
  {
    rule: "basic-auth",
    prefixes: ["Basic ", "basic ", "BASIC "],
    isBehind: true,
    parts: [{ chars: "base64", min: 8 }],
    holds: isUserAndPassword,
  },
];

/** `dXNlcjpwYXNz`, which is `user:pass` in base64. */
function isUserAndPassword(text: string): boolean {
  try {
    const plain = atob(text.slice(0, 1024).replace(/=+$/, "").slice(0, text.length - text.length % 4 || undefined));
    return plain.includes(":") && /^[\x20-\x7e\x80-\xff]*$/.test(plain);
  } catch {
    return false;
  }
}

const SHAPES_BY_PREFIX = new Map<string, TokenShape[]>();
for (const shape of TOKEN_SHAPES) {
  for (const prefix of shape.prefixes) {
    const known = SHAPES_BY_PREFIX.get(prefix);
    if (known === undefined) SHAPES_BY_PREFIX.set(prefix, [shape]);
    else known.push(shape);
  }
}

/** All prefixes, the longer ones first: of two that fit the longer one is meant. */
export const TOKEN_PREFIXES: readonly string[] = [...SHAPES_BY_PREFIX.keys()].sort((a, b) => b.length - a.length);

const ANY_PREFIX = new RegExp(
  TOKEN_PREFIXES.map((prefix) => prefix.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|"),
  "g",
);

/** So much of a secret is looked at, beyond what its letters are. */
const MAX_BEGINNING = 256;

/** What a character of a text is to the shapes: whether it may stand right before one that begins a word. */
function isInWord(code: number): boolean {
  return code < 128 && CLASSES.alnum[code] === 1;
}

/** Where runs of characters end. It remembers the last of each class, as many prefixes may stand in one. */
class Runs {
  readonly #text: string;
  readonly #known = new Map<Chars, { from: number; to: number }>();

  constructor(text: string) {
    this.#text = text;
  }

  end(chars: Chars, from: number): number {
    const known = this.#known.get(chars);
    if (known !== undefined && from >= known.from && from <= known.to) return known.to;
    const members = CLASSES[chars];
    let to = from;
    while (members[this.#text.charCodeAt(to)] === 1) to++;
    if (PADDED.has(chars)) { for (let n = 0; n < 2 && this.#text[to] === "="; n++) to++; }
    this.#known.set(chars, { from, to });
    return to;
  }
}

/**
 * The secrets in a text that say themselves what they are.
 *
 * @param keeps names of rules that are not asked
 */
export function tokenHits(text: string, keeps: ReadonlySet<string>): Hit[] {
  const hits: Hit[] = [];
  const runs = new Runs(text);
  const prefixes = new RegExp(ANY_PREFIX);
  for (let match = prefixes.exec(text); match !== null; match = prefixes.exec(text)) {
    const last = hits.at(-1);
    const hit = hitAt(text, match.index, match[0], runs, keeps, last?.end);
    if (hit === undefined) {
      prefixes.lastIndex = match.index + 1;
      continue;
    }
    // What follows `Bearer ` may say itself what it is.
    const isSame = last?.start === hit.start;
    if (isSame && hit.end >= last.end) hits.pop();
    if (!isSame || hit.end >= last.end) hits.push(hit);
    prefixes.lastIndex = hit.start > match.index ? hit.start : hit.end;
  }
  return hits;
}

/**
 * The beginning of a secret that the text ends with, before there is enough of it to be one. None of which less than the prefix and six
 * more characters is there, a digit among them.
 */
export function unfinishedToken(text: string, keeps: ReadonlySet<string>): { start: number; rule: string } | undefined {
  const word = /[^\s"'=:;,|<>()[\]{}]{9,400}$/.exec(text.slice(-400))?.[0];
  if (word === undefined) return undefined;
  for (const match of word.matchAll(ANY_PREFIX)) {
    const [prefix] = match;
    const rest = word.slice(match.index + prefix.length);
    if (rest.length < 6 || !hasDigit(rest) || isInWord(word.charCodeAt(match.index - 1))) continue;
    for (const { rule, parts } of SHAPES_BY_PREFIX.get(prefix)!) {
      const [{ chars, min }] = parts as [Part];
      const isCut = rest.length < min || parts.length > 1 && rest.length >= min && parts[1]!.optional !== true;
      if (keeps.has(rule) || !isCut) continue;
      const isRun = [...rest].every((char) => CLASSES[chars][char.charCodeAt(0)] === 1);
      if (isRun) return { start: text.length - word.length + match.index, rule };
    }
  }
  return undefined;
}

/** @param before where the secret before ends: right behind it another one may begin */
function hitAt(
  text: string,
  at: number,
  prefix: string,
  runs: Runs,
  keeps: ReadonlySet<string>,
  before: number | undefined,
): Hit | undefined {
  for (const shape of SHAPES_BY_PREFIX.get(prefix)!) {
    if (keeps.has(shape.rule) || shape.anywhere !== true && at !== before && isInWord(text.charCodeAt(at - 1))) {
      continue;
    }
    const end = endOf(text, at + prefix.length, shape, runs);
    if (end < 0) continue;
    const start = shape.isBehind === true ? at + prefix.length : at;
    // Its beginning tells: many prefixes may stand in one run.
    const beginning = shape.holds && text.slice(start, Math.min(end, start + MAX_BEGINNING));
    if (beginning === undefined || shape.holds!(beginning)) return { start, end, rule: shape.rule };
  }
  return undefined;
}

function endOf(text: string, at: number, { parts }: TokenShape, runs: Runs): number {
  let end = at;
  for (const { after = "", chars, min, max = Infinity, optional } of parts) {
    const start = end + after.length;
    const to = text.startsWith(after, end) ? runs.end(chars, start) : -1;
    if (to - start >= min && to - start <= max) end = to;
    else if (optional === true) return end;
    else return -1;
  }
  return end;
}

/**
 * Whether what begins with a prefix begins a word, and has a run of so many letters, digits and what stands between them in tokens, with its
 * prefix.
 */
export function isOfRun(prefix: string, length: number): boolean {
  const isAll = (shape: TokenShape) => shape.anywhere !== true && prefix.length + shape.parts[0]!.min >= length;
  return /^[A-Za-z0-9][\w.~+/-]*$/.test(prefix) && SHAPES_BY_PREFIX.get(prefix)!.every(isAll);
}

/** Whether a secret may begin with a prefix that ends at `at`, in bytes of JSON: by so many of what follows as are at hand. */
export function mayFollow(prefix: string, bytes: Uint8Array, at: number, end: number): boolean {
  // What stands before it may be the end of an escape, so that nothing is known of it.
  return SHAPES_BY_PREFIX.get(prefix)!.some(({ parts }) => {
    const { chars, min } = parts[0]!;
    const members = CLASSES[chars];
    let to = at;
    while (to < end && to - at < min && members[bytes[to]!] === 1) to++;
    // What is escaped is looked at when it is decoded.
    return to - at >= min || bytes[to] === BACKSLASH;
  });
}
