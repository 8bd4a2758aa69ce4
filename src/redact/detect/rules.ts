import { isSecretName, SECRET_STEMS } from "../../records/secrets/secret-name.ts";
import { TOKEN_SHAPES } from "./token-shapes.ts";

/** A secret that has the name of one: `"password": "…"`, `TOKEN=…`, `--api-key …`, `Authorization: …`. */
export const NAMED_SECRET = "named-secret";
/** What stands in front of the host in a URL. */
export const URL_CREDENTIALS = "url-credentials";
/** From `-----BEGIN PRIVATE KEY-----` to its end. */
export const PRIVATE_KEY = "private-key";
/** What is nested so deep that nobody looks into it. */
export const TOO_DEEP = "too-deep";

/** The names of the rules that are built in, in the order of their alphabet. */
export const BUILT_IN_RULES: readonly string[] = [
  ...new Set([NAMED_SECRET, URL_CREDENTIALS, PRIVATE_KEY, ...TOKEN_SHAPES.map(({ rule }) => rule)]),
].sort();

/** Finds what an expression matches. */
export interface TextRule {
  readonly rule: string;
  /** A text that is in every match, where one is known: three characters of ASCII at least, none of which JSON escapes. */
  readonly literal: string | undefined;
  /** Where it matches, from the first match to the last. */
  find(text: string): Iterable<readonly [start: number, end: number]>;
}

/** What stands at a place of a message. */
export interface PathRule {
  readonly rule: string;
  /** The names and numbers on the way there; `*` stands for any of them. */
  readonly path: readonly string[];
}

/** The word that makes a name that of a secret is at its end: `API Key`, but not `token (old)`. */
const NAME_END = new RegExp(`(?:${SECRET_STEMS.join("|")})[\\w.-]*$`, "i");

/** A policy, as those need it that look for secrets. */
export interface RuleSet {
  /** Names of built-in rules that are not applied. */
  readonly keeps: ReadonlySet<string>;
  /** Names of fields, as {@linkcode plainName} spells them, and the rules that want them. */
  readonly keys: ReadonlyMap<string, string>;
  /** For each of these names a text that is in it however it is spelled, and not shorter than three letters if there is one. */
  readonly keyParts: readonly string[];
  readonly paths: readonly PathRule[];
  readonly texts: readonly TextRule[];
}

/** `customerEmail`, `customer_email` and `Customer-Email` are one name. */
export function plainName(name: string): string {
  return name.replace(/[^\p{L}\p{N}]+/gu, "").toLowerCase();
}

/**
 * The rule that a field of this name has a secret by. An HTTP header that mirrors an argument has its name behind a prefix.
 */
export function ruleOfName(rules: RuleSet, name: string): string | undefined {
  const bare = /^mcp-param-/i.test(name) ? name.slice("mcp-param-".length) : name;
  const own = rules.keys.size === 0 ? undefined : rules.keys.get(plainName(bare));
  if (own !== undefined) return own;
  // Paths and media types have names as well: `./types/jwt`, `application/jwt`.
  if (rules.keeps.has(NAMED_SECRET) || !NAME_END.test(bare.slice(-200)) || bare.includes("/") || !isSecretName(bare)) {
    return undefined;
  }
  return NAMED_SECRET;
}
