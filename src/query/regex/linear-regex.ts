import { compileRegex, type RegexFault, type Step } from "./regex-program.ts";

/** What a character is to the places before and behind it. The start and the end of the text count as one too. */
const EDGE = 0;
const LINE_END = 1;
const WORD = 2;
const OTHER = 3;
type CharKind = typeof EDGE | typeof LINE_END | typeof WORD | typeof OTHER;

/** So many states are remembered; then all are forgotten, and found out again as they come. */
const MAX_STATES = 400;
const UNKNOWN = -1;
const FOUND = -2;
/** The class of what stands behind the last character. */
const END_CLASS = 0;
const ASCII = 128;

/** Why an expression cannot be used here; undefined if it can. */
export function regexFault(source: string, flags: string): RegexFault | undefined {
  const program = compileRegex(source, flags);
  return Array.isArray(program) ? undefined : program as RegexFault;
}

/** Where the machine is: places in the program, and what stood before. */
interface State {
  readonly places: readonly number[];
  readonly before: CharKind;
  /** The next state by the class of the character. */
  readonly next: number[];
}

/**
 * A regular expression of which no text can make the search slow: it is linear in the text, where that of JavaScript may
 * be exponential. It tells whether there is a match, and not where. It knows all that JavaScript knows, in its Unicode
 * mode, but for looking ahead and behind and for references to groups.
 *
 * The machine is in all places of the program at once where it might be. Each set of places that it comes to is a state;
 * what it does with a character is found out once, and remembered.
 */
export class LinearRegex {
  readonly #program: readonly Step[];
  /** Characters that the program cannot tell apart are one class. */
  readonly #classes = new Map<string, number>();
  readonly #kinds: CharKind[] = [EDGE];
  /** A character of each class. */
  readonly #samples: string[] = [""];
  readonly #asciiClasses = new Int32Array(ASCII).fill(UNKNOWN);
  readonly #otherClasses = new Map<number, number>();
  readonly #tests: readonly ((char: string) => boolean)[];
  #states: State[] = [];
  #known = new Map<string, number>();

  /** @throws {TypeError} the expression cannot be used; see {@linkcode regexFault} */
  constructor(source: string, flags: string) {
    const program = compileRegex(source, flags);
    if (!Array.isArray(program)) throw new TypeError((program as RegexFault).why);
    this.#program = program as readonly Step[];
    this.#tests = [...new Set(this.#program.flatMap((step) => step.does === "take" ? [step.fits] : []))];
    this.#forget();
  }

  /** Whether there is a match in the text. */
  test(text: string): boolean {
    let state = 0;
    for (let at = 0; at < text.length;) {
      let code = text.charCodeAt(at++);
      if (code >= 0xd800 && code < 0xdc00 && at < text.length) {
        code = text.codePointAt(at - 1)!;
        if (code > 0xffff) at++;
      }
      const known = code < ASCII ? this.#asciiClasses[code]! : UNKNOWN;
      const charClass = known === UNKNOWN ? this.#classOf(code) : known;
      const next = this.#states[state]!.next[charClass] ?? UNKNOWN;
      state = next === UNKNOWN ? this.#go(state, charClass) : next;
      if (state === FOUND) return true;
    }
    return this.#go(state, END_CLASS) === FOUND;
  }

  #classOf(code: number): number {
    const known = this.#otherClasses.get(code);
    if (known !== undefined) return known;
    const char = String.fromCodePoint(code);
    const kind = /[\n\r\u2028\u2029]/.test(char) ? LINE_END : /\w/.test(char) ? WORD : OTHER;
    const name = `${kind}${this.#tests.map((fits) => fits(char) ? 1 : 0).join("")}`;
    let found = this.#classes.get(name);
    if (found === undefined) {
      found = this.#kinds.length;
      this.#classes.set(name, found);
      this.#kinds.push(kind);
      this.#samples.push(char);
    }
    if (code < ASCII) this.#asciiClasses[code] = found;
    else this.#otherClasses.set(code, found);
    // A text may have all characters that there are.
    if (this.#otherClasses.size > 4096) this.#otherClasses.clear();
    return found;
  }

  /** What comes of a state with a character of that class. */
  #go(from: number, charClass: number): number {
    const { places, before, next } = this.#states[from]!;
    const after = this.#kinds[charClass]!;
    const sample = this.#samples[charClass]!;
    const seen = new Set<number>();
    const todo = [...places, 0];
    const result = new Set<number>();
    for (let place = todo.pop(); place !== undefined; place = todo.pop()) {
      if (seen.has(place)) continue;
      seen.add(place);
      const step = this.#program[place]!;
      switch (step.does) {
        case "match":
          next[charClass] = FOUND;
          return FOUND;
        case "fork":
          todo.push(step.or, step.to);
          break;
        case "jump":
          todo.push(step.to);
          break;
        case "assert":
          if (holds(step.that, before, after)) todo.push(place + 1);
          break;
        case "take":
          if (charClass !== END_CLASS && step.fits(sample)) result.add(place + 1);
      }
    }
    const to = this.#stateOf([...result].sort((a, b) => a - b), after);
    // All may just have been forgotten.
    if (this.#states[from]?.next === next) next[charClass] = to;
    return to;
  }

  #stateOf(places: readonly number[], before: CharKind): number {
    const name = `${before} ${places.join()}`;
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    if (this.#states.length >= MAX_STATES) this.#forget();
    const state = this.#states.length;
    this.#known.set(name, state);
    this.#states.push({ places, before, next: [] });
    return state;
  }

  #forget(): void {
    this.#states = [{ places: [], before: EDGE, next: [] }];
    this.#known = new Map([[`${EDGE} `, 0]]);
  }
}

function holds(assertion: string, before: CharKind, after: CharKind): boolean {
  switch (assertion) {
    case "start":
      return before === EDGE;
    case "end":
      return after === EDGE;
    case "lineStart":
      return before === EDGE || before === LINE_END;
    case "lineEnd":
      return after === EDGE || after === LINE_END;
    case "wordEdge":
      return (before === WORD) !== (after === WORD);
    default:
      return (before === WORD) === (after === WORD);
  }
}
