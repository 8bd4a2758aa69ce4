import { skipSpace, skipString, skipWord } from "../json/json-span.ts";
import { isOpaque, isPlaceholder, schemeLength } from "../records/secrets/secret-text.ts";
import { isSecretName } from "../records/secrets/secret-name.ts";
import { NAMED_SECRET, type PathRule, plainName, ruleOfName, type RuleSet } from "./detect/rules.ts";

/** What of an object that has the name of a secret says something about it: nobody's password is called `string`. */
const ABOUT: ReadonlySet<string> = new Set([
  ...["type", "title", "description", "format", "pattern", "required", "$ref", "$id", "$schema", "$comment", "name"],
  ...[
    "kind",
    "in",
    "scheme",
    "algorithm",
    "scope",
    "scopes",
    "issuer",
    "url",
    "uri",
    "readOnly",
    "writeOnly",
    "method",
  ],
  ...["contentEncoding", "contentMediaType", "deprecationMessage", "label", "placeholder", "help", "status"],
]);
/** Names that are also those of other things: what they name must look like a secret. */
const WEAK = /(?:^|[^a-z])(?:sig|signature|auth|pass|pat|otp|tokens|keys|creds|cookies?)$|Signature$|Tokens$|Keys$/;
/** `{"name": "API_KEY", "value": "abc"}` */
const NAMES: ReadonlySet<string> = new Set(["name", "key", "header", "field", "variable", "param"]);
const VALUES: ReadonlySet<string> = new Set(["value", "val"]);
/** What stands in front of its value in a list. */
const NAME = /^-{0,2}[A-Za-z][\w.-]{0,100}$/;
const OPTION = /^--?[A-Za-z][\w.-]*$/;
/** Names of what a person types, which may be a number; a count or a time goes by other names of secrets. */
const TYPED = /(?:password|passwd|pwd|passcode|passphrase)$/i;

/** What becomes of the strings. */
export interface Cleaner {
  readonly rules: RuleSet;
  /** Any text, without secrets. */
  text(text: string, place: () => string, depth: number): string;
  /** The value of something that has the name of a secret. */
  named(value: string, rule: string, place: () => string, depth: number): string;
  /** A scalar at a place that a rule names. */
  placed(value: string, rule: string, place: () => string): string;
}

/** An object or an array that is open. */
interface Level {
  readonly isObject: boolean;
  /** The rule that its strings are secrets by, because it has the name of one. */
  readonly inherited: string | undefined;
  /** The name or the number of the member whose value comes. */
  key: string | number;
  /** The same in places that are told of: a name may have a secret in it. */
  shown: string | number;
  /** Whether a key comes next, in an object. */
  wantsKey: boolean;
  /** What the member's value is a secret by. */
  rule: string | undefined;
  /** The same for a number, which is one only by the very name that it has. */
  numberRule: string | undefined;
  /** The name that stands in a `name`, or in front of a value in an array. */
  named: string | undefined;
  /** A `value` whose name has not come yet. */
  held: { readonly start: number; readonly end: number; readonly key: string } | undefined;
}

interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/**
 * Goes through JSON, without parsing it into values and without a stack of calls, however deep it nests, and gives it with other
 * literals where the finder says so.
 *
 * @param paths rules for places; none inside other texts
 * @param outer the place of the text itself
 */
export function walkJson(
  text: string,
  finder: Cleaner,
  paths: readonly PathRule[],
  outer: () => string,
  depth: number,
): string {
  return new Walk(text, finder, paths, outer, depth).run();
}

class Walk {
  readonly #text: string;
  readonly #finder: Cleaner;
  readonly #paths: readonly PathRule[];
  readonly #depth: number;
  readonly #levels: Level[] = [];
  readonly #edits: Edit[] = [];
  readonly #place: () => string;

  constructor(text: string, finder: Cleaner, paths: readonly PathRule[], outer: () => string, depth: number) {
    this.#text = text;
    this.#finder = finder;
    this.#paths = paths;
    this.#depth = depth;
    // Places inside a text that stands in a string are those of the string.
    this.#place = depth > 0 ? outer : () => outer() + pointer(this.#levels.map(({ shown }) => shown));
  }

  run(): string {
    const text = this.#text;
    const levels = this.#levels;
    for (let at = skipSpace(text, 0); at < text.length; at = skipSpace(text, at)) {
      const level = levels.at(-1);
      switch (text[at]) {
        case "{":
        case "[":
          levels.push(open(text[at] === "{", level));
          at++;
          break;
        case "}":
        case "]":
          if (level?.held !== undefined) this.#held(level);
          levels.pop();
          at++;
          break;
        case ",":
          if (level?.isObject === true) level.wantsKey = true;
          else if (level !== undefined) level.shown = level.key = Number(level.key) + 1;
          at++;
          break;
        case ":":
          at++;
          break;
        case '"': {
          const end = skipString(text, at);
          if (level?.isObject === true && level.wantsKey) this.#key(level, at, end);
          else this.#string(level, at, end);
          at = end;
          break;
        }
        default: {
          const end = Math.max(skipWord(text, at), at + 1);
          this.#word(at, end);
          at = end;
        }
      }
    }
    return this.#result();
  }

  #key(level: Level, start: number, end: number): void {
    const key = this.#decoded(start, end);
    level.key = key;
    level.shown = "*";
    level.wantsKey = false;
    const clean = this.#finder.text(key, this.#place, this.#depth);
    level.shown = clean;
    const { rules } = this.#finder;
    level.rule = ruleOfName(rules, key) ?? (clean === key ? undefined : ruleOfName(rules, clean)) ??
      (ABOUT.has(key) ? undefined : level.inherited);
    const own = ruleOfName(rules, key);
    level.numberRule = own !== NAMED_SECRET || TYPED.test(key) ? own : undefined;
    this.#edit(start, end, key, clean);
  }

  #string(level: Level | undefined, start: number, end: number): void {
    const value = this.#decoded(start, end);
    const placed = this.#ruleOfPlace();
    if (placed !== undefined) return this.#edit(start, end, value, this.#finder.placed(value, placed, this.#place));
    if (level?.isObject === true && typeof level.key === "string") {
      const key = level.key.toLowerCase();
      if (NAMES.has(key)) level.named = value;
      else if (VALUES.has(key) && level.rule === undefined) {
        if (level.named === undefined) {
          level.held = { start, end, key: level.key };
          return;
        }
        level.rule = ruleOfName(this.#finder.rules, level.named);
      }
    }
    const rule = this.#ruleOfElement(level, value) ?? level?.rule;
    this.#edit(start, end, value, this.#clean(value, rule, level, this.#place));
  }

  /** The value in an object whose name came behind it, or did not come. */
  #held(level: Level): void {
    const { start, end, key } = level.held!;
    const rule = level.named === undefined ? undefined : ruleOfName(this.#finder.rules, level.named);
    const value = this.#decoded(start, end);
    level.shown = level.key = key;
    this.#edit(start, end, value, this.#clean(value, rule, undefined, this.#place));
  }

  #clean(value: string, rule: string | undefined, level: Level | undefined, place: () => string): string {
    const key = level?.isObject === true ? String(level.key) : "";
    const isWeak = rule === NAMED_SECRET && level?.inherited === undefined && WEAK.test(key) &&
      !isOpaque(value.slice(schemeLength(value))) && !/^[\w.-]+=./.test(value);
    const isLabel = rule === NAMED_SECRET && key !== "" && plainName(value) === plainName(key);
    return rule === undefined || isWeak || isLabel
      ? this.#finder.text(value, place, this.#depth)
      : this.#finder.named(value, rule, place, this.#depth);
  }

  /** In `["Authorization", "Bearer abc"]` and `["--api-key", "abc"]` the value stands behind its name. */
  #ruleOfElement(level: Level | undefined, value: string): string | undefined {
    if (level?.isObject !== false) return undefined;
    const name = level.named;
    level.named = NAME.test(value) ? value : undefined;
    if (name === undefined) return undefined;
    const isValue = OPTION.test(name) ? !value.startsWith("-") : isOpaque(value) || schemeLength(value) > 0;
    if (!isValue || isSecretName(value) || isPlaceholder(value)) return undefined;
    return ruleOfName(this.#finder.rules, name);
  }

  /** Numbers are only replaced where a rule names their place or their name, or they have the name of a password. */
  #word(start: number, end: number): void {
    const named = this.#levels.at(-1)?.numberRule;
    if (named === undefined && this.#paths.length === 0) return;
    const word = this.#text.slice(start, end);
    const rule = /^[-0-9]/.test(word) ? this.#ruleOfPlace() ?? named : undefined;
    if (rule !== undefined) this.#edit(start, end, word, this.#finder.placed(word, rule, this.#place));
  }

  /** The rule that names the place of the value that comes, or one that it is in. */
  #ruleOfPlace(): string | undefined {
    const levels = this.#levels;
    return this.#paths.find(({ path }) =>
      path.length <= levels.length && path.every((name, at) => name === "*" || name === String(levels[at]!.key))
    )?.rule;
  }

  #decoded(start: number, end: number): string {
    const raw = this.#text.slice(start, end);
    if (!raw.includes("\\")) return raw.slice(1, raw.endsWith('"') && raw.length > 1 ? -1 : undefined);
    try {
      return JSON.parse(raw) as string;
    } catch {
      // It is no JSON: as it stands there it is looked through as well.
      return raw.slice(1, -1);
    }
  }

  #edit(start: number, end: number, before: string, after: string): void {
    if (after !== before) this.#edits.push({ start, end, text: JSON.stringify(after) });
  }

  #result(): string {
    const edits = this.#edits.sort((a, b) => a.start - b.start);
    if (edits.length === 0) return this.#text;
    const parts: string[] = [];
    let done = 0;
    for (const { start, end, text } of edits) {
      parts.push(this.#text.slice(done, start), text);
      done = end;
    }
    parts.push(this.#text.slice(done));
    return parts.join("");
  }
}

function open(isObject: boolean, outer: Level | undefined): Level {
  const outerRule = outer === undefined ? undefined : outer.isObject ? outer.rule : outer.inherited;
  // What belongs to a signature is public.
  const inherited = outerRule === NAMED_SECRET && /sig(?:nature)?$/i.test(String(outer!.key)) ? undefined : outerRule;
  return {
    isObject,
    inherited,
    key: isObject ? "" : 0,
    shown: isObject ? "" : 0,
    wantsKey: isObject,
    rule: isObject ? undefined : inherited,
    numberRule: isObject ? undefined : outer?.numberRule,
    named: undefined,
    held: undefined,
  };
}

/** A JSON Pointer (RFC 6901); of one that is very long the beginning. */
function pointer(keys: readonly (string | number)[]): string {
  const shown = keys.slice(0, MAX_POINTER).map((key) => `/${String(key).replaceAll("~", "~0").replaceAll("/", "~1")}`);
  return shown.join("") + (keys.length > MAX_POINTER ? "/…" : "");
}

const MAX_POINTER = 64;
