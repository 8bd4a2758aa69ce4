// A regular expression as a program for a machine that is in many places at once: no place is ever gone back to, so the
// time is linear in the text, whatever the expression.

/** What a step of the program does. */
export type Step =
  /** Takes one character that fits, and goes on with the next step. */
  | { readonly does: "take"; readonly fits: CharTest }
  /** Goes on at both places. */
  | { does: "fork"; to: number; or: number }
  /** Goes on elsewhere. */
  | { does: "jump"; to: number }
  /** Goes on if this holds here. */
  | { readonly does: "assert"; readonly that: Assertion }
  | { readonly does: "match" };

/** What can be asked of a place between two characters. */
export type Assertion = "start" | "end" | "lineStart" | "lineEnd" | "wordEdge" | "noWordEdge";

/** Whether a character is one of those that a part of the expression stands for. */
export type CharTest = (char: string) => boolean;

/** Why an expression cannot be used. */
export interface RegexFault {
  readonly why: string;
  /** Where in its source; undefined where that is not known. */
  readonly at?: number;
}

/** Thrown and caught in here. */
class Fault extends Error {
  readonly at: number | undefined;

  constructor(why: string, at?: number) {
    super(why);
    this.at = at;
  }
}

/** More steps would be slow on long texts. A count such as `{1,50}` takes as many as it says. */
const MAX_STEPS = 512;
const MAX_DEPTH = 32;
const MAX_COUNT = 1000;
/** Matches a backslash and what belongs to it, where that is one character or a set of them. */
const ESCAPE = /\\(?:[dDwWsStnrfv0]|x[\da-f]{2}|u[\da-f]{4}|u\{[\da-f]{1,6}\}|[pP]\{[\w=]+\}|c[a-z]|[^a-z\d])/iuy;
const COUNT = /\{(\d{1,4})(?:(,)(\d{1,4})?)?\}/y;
const GROUP = /\((?:\?(?::|<[\p{L}_$][\w$]*>))?/uy;

/** Makes the program of an expression, or says why there is none. */
export function compileRegex(source: string, flags: string): readonly Step[] | RegexFault {
  try {
    return new Compiler(source, flags).program();
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return { why: error.message, ...(error.at === undefined ? {} : { at: error.at }) };
  }
}

class Compiler {
  readonly #source: string;
  readonly #isMultiline: boolean;
  /** For the tests of single characters, which JavaScript does. */
  readonly #charFlags: string;
  readonly #tests = new Map<string, CharTest>();
  #steps: Step[] = [];
  #at = 0;
  #depth = 0;

  constructor(source: string, flags: string) {
    const unknown = /[^imsu]/.exec(flags);
    if (unknown !== null) throw new Fault(`there is no flag ${unknown[0]}; there are i, m, s and u`);
    this.#source = source;
    this.#isMultiline = flags.includes("m");
    this.#charFlags = `u${flags.includes("i") ? "i" : ""}${flags.includes("s") ? "s" : ""}`;
  }

  program(): readonly Step[] {
    this.#alternatives();
    if (this.#at < this.#source.length) throw new Fault('nothing is open that this ")" could close', this.#at);
    this.#add({ does: "match" });
    return this.#steps;
  }

  #alternatives(): void {
    if (++this.#depth > MAX_DEPTH) throw new Fault("its groups nest too deep", this.#at);
    const start = this.#steps.length;
    const alternatives: (readonly Step[])[] = [];
    this.#sequence();
    while (this.#source[this.#at] === "|") {
      this.#at++;
      alternatives.push(this.#cut(start));
      this.#sequence();
    }
    this.#depth--;
    if (alternatives.length === 0) return;
    const last = this.#cut(start);
    const jumps: { to: number }[] = [];
    for (const steps of alternatives) {
      const fork = { does: "fork" as const, to: this.#steps.length + 1, or: 0 };
      const jump = { does: "jump" as const, to: 0 };
      this.#add(fork);
      this.#paste(steps, start);
      this.#add(jump);
      jumps.push(jump);
      fork.or = this.#steps.length;
    }
    this.#paste(last, start);
    for (const jump of jumps) jump.to = this.#steps.length;
  }

  #sequence(): void {
    for (
      let char = this.#source[this.#at];
      char !== undefined && char !== "|" && char !== ")";
      char = this.#source[this.#at]
    ) {
      const start = this.#steps.length;
      this.#atom(char);
      this.#quantifier(start);
    }
  }

  #atom(char: string): void {
    const start = this.#at;
    switch (char) {
      case "(":
        return this.#group();
      case "^":
        this.#at++;
        return this.#add({ does: "assert", that: this.#isMultiline ? "lineStart" : "start" });
      case "$":
        this.#at++;
        return this.#add({ does: "assert", that: this.#isMultiline ? "lineEnd" : "end" });
      case "[":
        return this.#charClass();
      case "\\":
        return this.#escape();
      case "*":
      case "+":
      case "?":
        throw new Fault(`nothing stands before this ${char}`, start);
      case ".":
        this.#at++;
        return this.#take(".");
      default: {
        const literal = String.fromCodePoint(this.#source.codePointAt(start)!);
        this.#at += literal.length;
        return this.#take(literal.replace(/[{}\]/]/, "\\$&"));
      }
    }
  }

  #group(): void {
    const start = this.#at;
    GROUP.lastIndex = start;
    const [opening] = GROUP.exec(this.#source)!;
    this.#at += opening.length;
    if (this.#source[this.#at] === "?") {
      throw new Fault(
        "looking ahead or behind, and flags in a group, are not known here: they cannot be searched for in linear time",
        start,
      );
    }
    this.#alternatives();
    if (this.#source[this.#at] !== ")") throw new Fault('this "(" has no ")"', start);
    this.#at++;
  }

  #charClass(): void {
    const start = this.#at;
    let at = start + 1;
    while (at < this.#source.length && this.#source[at] !== "]") at += this.#source[at] === "\\" ? 2 : 1;
    if (at >= this.#source.length) throw new Fault('this "[" has no "]"', start);
    this.#at = at + 1;
    // An escape that says nothing is no fault here.
    const text = this.#source.slice(start, this.#at).replace(
      /\\([^a-z\d])/gi,
      (escape, char: string) => /[\^$\\.*+?()[\]{}|/-]/.test(char) ? escape : char,
    );
    this.#take(text, start);
  }

  #escape(): void {
    const start = this.#at;
    const next = this.#source[start + 1];
    if (next === "b" || next === "B") {
      this.#at += 2;
      return this.#add({ does: "assert", that: next === "b" ? "wordEdge" : "noWordEdge" });
    }
    if (next !== undefined && /[1-9k]/.test(next)) {
      throw new Fault(
        "what a group has found cannot be asked for again: that cannot be searched for in linear time",
        start,
      );
    }
    ESCAPE.lastIndex = start;
    const [escape] = ESCAPE.exec(this.#source) ?? [];
    if (escape === undefined) throw new Fault(`this \\ stands before nothing that it could escape`, start);
    this.#at += escape.length;
    const isLiteral = escape.length === 2 && /[^a-z\d]/i.test(next!);
    this.#take(isLiteral && !/[\^$\\.*+?()[\]{}|/]/.test(next!) ? next! : escape, start);
  }

  #quantifier(start: number): void {
    for (;;) {
      const counts = this.#counts();
      if (counts === undefined) return;
      const [least, most] = counts;
      // As few as possible or as many: that makes no difference to whether there is a match.
      if (this.#source[this.#at] === "?") this.#at++;
      const part = this.#cut(start);
      for (let count = 0; count < least; count++) this.#paste(part, start);
      if (most === Infinity) {
        const fork = { does: "fork" as const, to: this.#steps.length + 1, or: 0 };
        const loop = this.#steps.length;
        this.#add(fork);
        this.#paste(part, start);
        this.#add({ does: "jump", to: loop });
        fork.or = this.#steps.length;
      } else {
        const forks: { or: number }[] = [];
        for (let count = least; count < most; count++) {
          const fork = { does: "fork" as const, to: this.#steps.length + 1, or: 0 };
          this.#add(fork);
          forks.push(fork);
          this.#paste(part, start);
        }
        for (const fork of forks) fork.or = this.#steps.length;
      }
      const again = this.#source[this.#at];
      if (again === "*" || again === "+" || again === "?") {
        throw new Fault(`nothing stands before this ${again}`, this.#at);
      }
    }
  }

  #counts(): readonly [least: number, most: number] | undefined {
    switch (this.#source[this.#at]) {
      case "*":
        this.#at++;
        return [0, Infinity];
      case "+":
        this.#at++;
        return [1, Infinity];
      case "?":
        this.#at++;
        return [0, 1];
      case "{": {
        COUNT.lastIndex = this.#at;
        const found = COUNT.exec(this.#source);
        if (found === null) return undefined;
        const [all, first, comma, last] = found;
        const least = Number(first);
        const most = comma === undefined ? least : last === undefined ? Infinity : Number(last);
        if (most < least) throw new Fault("its counts are the wrong way round", this.#at);
        if (least > MAX_COUNT || most !== Infinity && most > MAX_COUNT) {
          throw new Fault(`a count is more than ${MAX_COUNT}`, this.#at);
        }
        this.#at += all.length;
        return [least, most];
      }
      default:
        return undefined;
    }
  }

  /** A step that takes one character; JavaScript says which. */
  #take(atom: string, at = this.#at - atom.length): void {
    let fits = this.#tests.get(atom);
    if (fits === undefined) {
      let regex: RegExp;
      try {
        regex = new RegExp(`^(?:${atom})$`, this.#charFlags);
      } catch {
        throw new Fault("this is no character and no set of characters", at);
      }
      fits = (char) => regex.test(char);
      this.#tests.set(atom, fits);
    }
    this.#add({ does: "take", fits });
  }

  #add(step: Step): void {
    if (this.#steps.length >= MAX_STEPS) {
      throw new Fault(`it is too long: counts such as {1,50} make it as long as they say`);
    }
    this.#steps.push(step);
  }

  /** Takes the steps from `start` on out of the program. */
  #cut(start: number): readonly Step[] {
    return this.#steps.splice(start);
  }

  /** Adds steps that began at `start`. */
  #paste(steps: readonly Step[], start: number): void {
    const by = this.#steps.length - start;
    for (const step of steps) {
      if (step.does === "fork") this.#add({ does: "fork", to: step.to + by, or: step.or + by });
      else if (step.does === "jump") this.#add({ does: "jump", to: step.to + by });
      else this.#add(step);
    }
  }
}
