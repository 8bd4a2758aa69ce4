import { scanJson } from "../json/json-scan.ts";
import { isPlaceholder, schemeLength } from "../records/secrets/secret-text.ts";
import { base64Texts } from "./detect/base64-text.ts";
import { type RuleSet, TOO_DEEP } from "./detect/rules.ts";
import type { Suspicion } from "./detect/suspicion.ts";
import { textHits } from "./detect/text-hits.ts";
import { tokenHits } from "./detect/token-shapes.ts";
import { type Cleaner, walkJson } from "./walk-json.ts";

/** Gives what stands in the place of a secret. `place` is that of the string that it was found in, as a JSON Pointer. */
export type Replace = (rule: string, secret: string, place: () => string) => string;

/** Texts in texts in texts … beyond this are not looked into, but replaced. */
const MAX_DEPTH = 40;
/** `=?base64?…?=`, as headers have values that are not ASCII. */
const WRAPPED = /^(=\?base64\?)([A-Za-z0-9+/=]*)(\?=)$/;
/** A text in which something was found is looked at again, so many times in all. */
const MAX_LOOKS = 5;
const nowhere = () => "";

/**
 * Finds secrets in texts, in JSON, in JSON in strings, in base64, and has them replaced. Where there is none the text comes back
 * itself. Of JSON only the literals change that had a secret in them.
 */
export class SecretFinder implements Cleaner {
  readonly rules: RuleSet;
  readonly suspicion: Suspicion;
  readonly #replace: Replace;

  constructor(rules: RuleSet, suspicion: Suspicion, replace: Replace) {
    this.rules = rules;
    this.suspicion = suspicion;
    this.#replace = replace;
  }

  /**
   * The text of a JSON value, without secrets. One that is not JSON may be cut anywhere.
   *
   * @param hasPaths whether places in it are those that rules name
   */
  json(text: string, hasPaths: boolean, place: () => string = nowhere, depth = 0): string {
    return walkJson(text, this, hasPaths ? this.rules.paths : [], place, depth);
  }

  /** Any text, without secrets. */
  text(text: string, place: () => string = nowhere, depth = 0): string {
    // What stood in a secret's way may be another one: where that is gone it is looked at again.
    let clean = text;
    for (let n = 0; n < MAX_LOOKS; n++) {
      const before = clean;
      if (!this.suspicion.ofText(before)) break;
      clean = this.#look(before, place, depth);
      if (clean === before) break;
    }
    return clean;
  }

  #look(text: string, place: () => string, depth: number): string {
    if (depth > MAX_DEPTH) return this.#replace(TOO_DEEP, text, place);
    // A JSON text in quotes is one more level of quotes around another one.
    if (/^\s*[{["]/.test(text) && scanJson(text) !== undefined) return this.json(text, false, place, depth + 1);
    let result = "";
    let done = 0;
    for (const { start, end, rule, value = text.slice(start, end) } of textHits(text, this.rules)) {
      result += this.#base64(text.slice(done, start), place, depth) + this.#replace(rule, value, place);
      done = end;
    }
    return result + this.#base64(text.slice(done), place, depth);
  }

  /** The value of something that has the name of a secret. */
  named(value: string, rule: string, place: () => string, depth: number): string {
    const [, before, base64, after] = WRAPPED.exec(value) ?? [];
    const wrapped = base64 === undefined ? undefined : decoded(base64);
    if (wrapped !== undefined) return `${before}${encoded(this.named(wrapped, rule, place, depth))}${after}`;
    const scheme = schemeLength(value);
    const secret = value.slice(scheme);
    if (isPlaceholder(secret)) {
      const clean = this.text(value, place, depth);
      if (clean === value || isPlaceholder(clean.slice(scheme))) return clean;
    }
    // What says itself what it is has the same token wherever it stands.
    const [known] = tokenHits(value, this.rules.keeps).filter(({ start, end }) =>
      start === scheme && end === value.length
    );
    return value.slice(0, scheme) + this.#replace(known?.rule ?? rule, secret, place);
  }

  /** A scalar at a place that a rule names. */
  placed(value: string, rule: string, place: () => string): string {
    return isPlaceholder(value) && /^\[/.test(value) ? value : this.#replace(rule, value, place);
  }

  #base64(text: string, place: () => string, depth: number): string {
    let result = "";
    let done = 0;
    for (const { start, end, plain, encode } of base64Texts(text)) {
      const clean = this.text(plain, place, depth + 1);
      if (clean === plain) continue;
      result += text.slice(done, start) + encode(clean);
      done = end;
    }
    return done === 0 ? text : result + text.slice(done);
  }
}

function decoded(base64: string): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(
      Uint8Array.from(atob(base64), (char) => char.charCodeAt(0)),
    );
  } catch {
    return undefined;
  }
}

function encoded(text: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}
