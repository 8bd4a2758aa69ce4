import * as v from "valibot";
import { kindOf } from "../../arguments.ts";
import { printable, TapeError } from "../../errors.ts";
import { nearest } from "../../nearest.ts";
import { explainIssue } from "../../records/metadata/schemas.ts";
import { BUILT_IN_RULES } from "../detect/rules.ts";

/** A rule of a policy: what it looks for, by name, by place or by what it looks like. One of the three. */
export interface RedactRule {
  /** Its name, which stands in the place of what it finds: small letters, digits and `-`, 40 at most. */
  readonly name: string;
  /**
   * Names of fields. The whole name counts, but not how it is spelled: `customerEmail` is `customer_email` and `Customer-Email` too.
   * The strings of what has such a name are replaced.
   */
  readonly keys?: readonly string[] | undefined;
  /**
   * Places in messages, as JSON Pointers in which `*` stands for any name or number: `/params/arguments/ssn`. The strings and
   * numbers there are replaced, and those below.
   */
  readonly paths?: readonly string[] | undefined;
  /** A regular expression (RE2). What it matches is replaced. It takes the package `re2js`. */
  readonly pattern?: string | undefined;
  /** Of the expression: `i`, `m`, `s`. */
  readonly flags?: string | undefined;
}

/** What is a secret. The built-in rules always are; a policy adds to them, and takes away from them. */
export interface RedactPolicy {
  /** For editors: the schema of policies. */
  readonly $schema?: string | undefined;
  /** Further rules. */
  readonly rules?: readonly RedactRule[] | undefined;
  /** Names of built-in rules that are not applied: what they would find is kept. */
  readonly keep?: readonly string[] | undefined;
  /**
   * Whether the rules that secretlint recommends are applied too, to tapes that are there already: it is too slow for a tape that is being
   * recorded. It takes the packages `@secretlint/core` and `@secretlint/secretlint-rule-preset-recommend`.
   *
   * @default {false}
   */
  readonly secretlint?: boolean | undefined;
  /** The environment variable that holds the key of the tokens. Commands read it. */
  readonly key?: string | undefined;
}

/** The built-in rules and no others. */
export const defaultPolicy: RedactPolicy = Object.freeze({});

const TextsSchema = v.optional(v.pipe(v.array(v.pipe(v.string(), v.minLength(1))), v.minLength(1)));

const RuleObject = v.strictObject({
  name: v.pipe(
    v.string(),
    v.regex(/^[a-z][a-z0-9-]{0,39}$/, "Expected small letters, digits and -, 40 at most, beginning with a letter"),
    v.check((name) => !BUILT_IN_RULES.includes(name), "This is the name of a built-in rule"),
  ),
  keys: TextsSchema,
  paths: v.optional(
    v.pipe(
      v.array(
        v.pipe(v.string(), v.regex(/^(?:\/(?:[^~/]|~[01])*)+$/, "Expected a JSON Pointer, such as /params/name")),
      ),
      v.minLength(1),
    ),
  ),
  pattern: v.optional(v.pipe(v.string(), v.minLength(1))),
  flags: v.optional(v.pipe(v.string(), v.regex(/^[ims]*$/, "Expected none but i, m and s"))),
});

const RuleSchema: v.GenericSchema<unknown, RedactRule> = v.pipe(
  RuleObject,
  v.check(
    ({ keys, paths, pattern }) => [keys, paths, pattern].filter((part) => part !== undefined).length === 1,
    "Expected one of keys, paths and pattern",
  ),
  v.check(({ pattern, flags }) => pattern !== undefined || flags === undefined, "Expected flags only with a pattern"),
);

const PolicyObject = v.strictObject({
  $schema: v.optional(v.string()),
  rules: v.optional(v.array(RuleSchema)),
  keep: v.optional(v.array(v.string())),
  secretlint: v.optional(v.boolean()),
  key: v.optional(v.pipe(v.string(), v.regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "Expected the name of a variable"))),
});

/** Schema of {@linkcode RedactPolicy}. */
export const RedactPolicySchema: v.GenericSchema<unknown, RedactPolicy> = PolicyObject;

/**
 * Refuses what is no policy.
 *
 * @throws {TapeError} code `invalid_argument`, which says where and why
 */
export function checkPolicy(policy: unknown): RedactPolicy {
  if (typeof policy !== "object" || policy === null || Array.isArray(policy)) {
    throw refused(`it must be an object, not ${kindOf(policy)}`);
  }
  const fault = unknownName(policy) ?? explainIssue(RedactPolicySchema, policy);
  if (fault !== undefined) throw refused(fault);
  const { keep = [] } = policy as RedactPolicy;
  for (const [at, name] of keep.entries()) {
    if (BUILT_IN_RULES.includes(name)) continue;
    const meant = nearest(name, BUILT_IN_RULES);
    const hint = meant === undefined ? `these are ${BUILT_IN_RULES.join(", ")}` : `did you mean ${meant}?`;
    throw refused(`keep.${at}: there is no such built-in rule; ${hint}`);
  }
  return policy as RedactPolicy;
}

/** What is wrong where a policy or a rule has a name that nobody knows, and nothing before it is wrong. */
function unknownName(policy: object): string | undefined {
  const [issue] = v.safeParse(RedactPolicySchema, policy, { abortEarly: true }).issues ?? [];
  if (issue?.type !== "strict_object" || issue.expected !== "never") return undefined;
  const path = issue.path ?? [];
  const names = Object.keys(path.length === 1 ? PolicyObject.entries : RuleObject.entries);
  const meant = nearest(String(path.at(-1)?.key), names);
  const hint = meant === undefined ? `these are ${names.join(", ")}` : `did you mean ${meant}?`;
  return `${printable(path.map(({ key }) => String(key)).join("."))}: there is no such name; ${hint}`;
}

/** The error for a policy. */
export function refused(why: string, cause?: unknown): TapeError {
  return new TapeError("invalid_argument", `Cannot use a redaction policy: ${why}`, { cause });
}
