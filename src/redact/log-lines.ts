import type { SecretFinder } from "./secret-finder.ts";
import { tokenHits, unfinishedToken } from "./detect/token-shapes.ts";
import { PRIVATE_KEY } from "./detect/rules.ts";
import { isOpaque } from "../records/secrets/secret-text.ts";

/** So many lines at most are taken for those of one private key. */
const MAX_KEY_LINES = 500;
const MAX_CARRIED = 4096;
const KEY_START = /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----/;
const KEY_END = /-----END [A-Z0-9 ]{0,60}-----/;
const ONLY_BASE64 = /^\s*[A-Za-z0-9+/=]+\s*$/;
const BASE64_RUN = /[A-Za-z0-9+/=]{16,}/g;

/**
 * The lines of one stream that are no JSON, without secrets: also those that go on in the next line, because they have several, as a
 * private key, or because somebody has cut them. No line waits for another one.
 */
export class LogLines {
  readonly #finder: SecretFinder;
  readonly #place: () => string;
  readonly #replace: (rule: string, secret: string) => string;
  /** How many lines of a private key may still come. */
  #keyLines = 0;
  /** What may go on: a secret at the end of the line before, or the beginning of one. */
  #carried: { readonly text: string; readonly rule: string; readonly isWhole: boolean } | undefined;

  constructor(finder: SecretFinder, place: () => string, replace: (rule: string, secret: string) => string) {
    this.#finder = finder;
    this.#place = place;
    this.#replace = replace;
  }

  /** Whether the next line may go on with a secret. */
  get isWaiting(): boolean {
    return this.#keyLines > 0 || this.#carried !== undefined;
  }

  /** The next line. */
  line(text: string): string {
    if (this.#keyLines > 0) return this.#ofKey(text);
    const carried = this.#carried;
    this.#carried = undefined;
    const more = carried === undefined ? 0 : this.#goesOn(carried, text);
    const start = more === 0 ? "" : this.#replace(carried!.rule, text.slice(0, more));
    const rest = text.slice(more);
    if (!this.#finder.suspicion.ofText(rest)) return start + this.#ending(rest);
    if (!this.#finder.rules.keeps.has(PRIVATE_KEY)) {
      const begin = rest.search(KEY_START);
      if (begin >= 0 && !KEY_END.test(rest.slice(begin))) this.#keyLines = MAX_KEY_LINES;
    }
    return start + this.#ending(rest);
  }

  /** A line without its secrets, of which the last may be cut off by its end. */
  #ending(text: string): string {
    const cut = unfinishedToken(text, this.#finder.rules.keeps);
    if (cut !== undefined) {
      const secret = text.slice(cut.start);
      this.#carried = { text: secret, rule: cut.rule, isWhole: false };
      return this.#finder.text(text.slice(0, cut.start), this.#place) + this.#replace(cut.rule, secret);
    }
    const clean = this.#finder.text(text, this.#place);
    if (clean === text) return text;
    const last = tokenHits(text.slice(-MAX_CARRIED), this.#finder.rules.keeps).at(-1);
    const tail = text.slice(-MAX_CARRIED);
    if (last?.end === tail.length) this.#carried = { text: tail.slice(last.start), rule: last.rule, isWhole: true };
    return clean;
  }

  /** How much of a line belongs to the secret that the line before has ended with. */
  #goesOn(carried: { readonly text: string; readonly rule: string; readonly isWhole: boolean }, text: string): number {
    const whole = carried.text + text.slice(0, MAX_CARRIED);
    const hit = tokenHits(whole, this.#finder.rules.keeps).find(({ start }) => start < carried.text.length);
    const more = hit === undefined ? 0 : hit.end - carried.text.length;
    if (more <= 0) return 0;
    // Behind one that is whole comes what looks like no word, and is all of the line.
    return !carried.isWhole || more === text.trimEnd().length && isOpaque(text.slice(0, more)) ? more : 0;
  }

  #ofKey(text: string): string {
    this.#keyLines--;
    if (KEY_END.test(text)) {
      this.#keyLines = 0;
      const end = text.search(KEY_END);
      return this.#runs(text.slice(0, end)) + text.slice(end);
    }
    const clean = this.#runs(text);
    // What is no part of one ends it; `Proc-Type:` and empty lines are.
    if (clean === text && !/^\s*(?:[\w-]+: .*)?$/.test(text)) {
      this.#keyLines = 0;
      return this.line(text);
    }
    return clean;
  }

  #runs(text: string): string {
    if (ONLY_BASE64.test(text)) return this.#replace(PRIVATE_KEY, text);
    return text.replace(BASE64_RUN, (run) => this.#replace(PRIVATE_KEY, run));
  }
}
