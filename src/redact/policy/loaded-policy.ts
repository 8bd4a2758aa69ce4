import { hex, sha256 } from "../../bytes/sha256.ts";
import { kindOf } from "../../arguments.ts";
import { TapeError } from "../../errors.ts";
import { requiredLiteral } from "../../query/regex/required-literal.ts";
import { type PathRule, plainName, type RuleSet, type TextRule } from "../detect/rules.ts";
import { Suspicion } from "../detect/suspicion.ts";
import { checkPolicy, defaultPolicy, type RedactPolicy, type RedactRule, refused } from "./policy.ts";

/** What finds with the built-in rules changed: it is a part of every policy. */
const BUILT_IN_VERSION = 1;
const MAX_PATH = 64;

/** A policy that is ready to be used, by any number of stages and tapes. {@linkcode loadPolicy} makes one. */
export class LoadedPolicy {
  /** What it was made of. */
  readonly policy: RedactPolicy;
  /** SHA-256 of the policy, in hexadecimal digits: it stands in `redacted` records. */
  readonly hash: string;
  /** @internal */
  readonly rules: RuleSet;
  /** @internal */
  readonly suspicion: Suspicion;

  /** Whether secretlint has still to look through the tape. @internal */
  readonly wantsSecretlint: boolean;

  /** @internal */
  constructor(policy: RedactPolicy, texts: readonly TextRule[], wantsSecretlint: boolean = policy.secretlint === true) {
    const { rules = [], keep = [] } = policy;
    this.policy = policy;
    this.hash = hashOf(policy);
    this.wantsSecretlint = wantsSecretlint;
    const names = rules.flatMap(({ name, keys = [] }) => keys.map((key): [key: string, rule: string] => [key, name]));
    this.rules = {
      keeps: new Set(keep),
      keys: new Map(names.map(([key, rule]) => [plainName(key), rule])),
      keyParts: names.map(([key]) => longestPart(key)),
      paths: rules.flatMap(({ name, paths = [] }) => paths.map((path) => pathRule(name, path))),
      texts,
    };
    this.suspicion = new Suspicion(this.rules);
  }
}

/**
 * Makes a policy ready to be used. Only one that has patterns has to be waited for: they take the package `re2js`, which runs in
 * linear time whatever the pattern and the text.
 *
 * @throws {TapeError} code `invalid_argument`: what is wrong with it, and where
 *
 * @example
 * ```ts
 * import { loadPolicy, redact } from "tapeline/redact";
 *
 * const policy = await loadPolicy({ rules: [{ name: "customer", keys: ["customerEmail"] }], keep: ["telegram-token"] });
 * redact(policy);
 * ```
 */
export async function loadPolicy(policy: RedactPolicy = defaultPolicy): Promise<LoadedPolicy> {
  const { rules = [] } = checkPolicy(policy);
  const patterns = rules.some(({ pattern }) => pattern !== undefined) ? await loadPatterns() : undefined;
  return new LoadedPolicy(
    policy,
    rules.flatMap((rule, at) => rule.pattern === undefined ? [] : [patterns!(rule, rule.pattern, at)]),
  );
}

/**
 * A policy that is loaded, of one that need not be waited for.
 *
 * @throws {TapeError} code `invalid_argument`
 */
export function loadedPolicy(policy: RedactPolicy | LoadedPolicy): LoadedPolicy {
  if (policy instanceof LoadedPolicy) return policy;
  const { rules = [] } = checkPolicy(policy);
  const at = rules.findIndex(({ pattern }) => pattern !== undefined);
  if (at >= 0) throw refused(`rules.${at}: a pattern has to be loaded: give what "await loadPolicy(policy)" makes`);
  return new LoadedPolicy(policy, []);
}

/**
 * As {@linkcode loadedPolicy}, for who cannot wait while messages come.
 *
 * @throws {TapeError} code `invalid_argument`: also where it asks for secretlint
 */
export function readyPolicy(policy: RedactPolicy | LoadedPolicy): LoadedPolicy {
  const loaded = loadedPolicy(policy);
  if (loaded.wantsSecretlint) throw refused("secretlint: it looks only through tapes that are there already");
  return loaded;
}

type MakeTextRule = (rule: RedactRule, pattern: string, at: number) => TextRule;

async function loadPatterns(): Promise<MakeTextRule> {
  const { RE2JS } = await import("re2js").catch((cause: unknown) => {
    throw new TapeError(
      "invalid_argument",
      "Cannot use a redaction policy: a pattern takes the package re2js, which is not installed",
      { cause },
    );
  });
  const bits: Readonly<Record<string, number>> = { i: RE2JS.CASE_INSENSITIVE, m: RE2JS.MULTILINE, s: RE2JS.DOTALL };
  return ({ name, flags = "" }, pattern, at) => {
    let compiled: ReturnType<typeof RE2JS.compile>;
    try {
      compiled = RE2JS.compile(pattern, [...flags].reduce((sum, flag) => sum | bits[flag]!, 0));
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : kindOf(cause);
      throw refused(`rules.${at}.pattern: ${why}`, cause);
    }
    if (compiled.matcher("").find()) throw refused(`rules.${at}.pattern: it would match an empty text`);
    return {
      rule: name,
      literal: literalOf(pattern, flags),
      *find(text) {
        const matcher = compiled.matcher(text);
        while (matcher.find()) yield [matcher.start(), matcher.end()];
      },
    };
  };
}

/** A text in every match that stands in JSON as it is. */
function literalOf(pattern: string, flags: string): string | undefined {
  // It reads expressions of JavaScript; of what those do not have nothing is known.
  if (/\(\?|\\[QEAzC]/.test(pattern)) return undefined;
  const parts = requiredLiteral(pattern, flags).split(/[^\x20-\x7e]|["\\/]/);
  const longest = parts.reduce((best, part) => part.length > best.length ? part : best, "");
  return longest.length < 3 ? undefined : longest;
}

/** The longest word of a name, which stands in it however it is spelled. */
function longestPart(name: string): string {
  const words = name.split(/[^\p{L}\p{N}]+|(?<=[\p{Ll}\p{N}])(?=\p{Lu})|(?<=\p{Lu})(?=\p{Lu}\p{Ll})/u);
  return words.reduce((best, word) => word.length > best.length ? word : best, "");
}

function pathRule(rule: string, pointer: string): PathRule {
  const path = pointer.slice(1).split("/").map((name) => name.replaceAll("~1", "/").replaceAll("~0", "~"));
  if (path.length > MAX_PATH) throw refused(`a path of the rule ${rule} has more than ${MAX_PATH} parts`);
  return { rule, path };
}

/** The same for policies that say the same. */
function hashOf({ rules = [], keep = [], secretlint }: RedactPolicy): string {
  const more = secretlint === true ? { secretlint } : {};
  const canonical = canonicalJson({ built_in: BUILT_IN_VERSION, keep: [...keep].sort(), rules, ...more });
  return hex(sha256(new TextEncoder().encode(canonical)));
}

/** JSON without spaces, the members of objects by their names. */
function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const members = Object.entries(value).filter(([, member]) => member !== undefined).sort(([a], [b]) => a < b ? -1 : 1);
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonicalJson(member)}`).join(",")}}`;
}
