import { member } from "../../json/member.ts";
import type { CorrelationRecord, FrameRecord } from "../../records/record.ts";
import type { Expression, HasTerm, NamedTerm, PathTerm, Term } from "../syntax/expression.ts";
import { TERMS } from "../syntax/term-names.ts";
import { someAt } from "./json-path.ts";
import { momentTest } from "./moment-test.ts";
import { ALL, FIRST_BYTES, type Subject, valueOf } from "./subject.ts";
import { sizeOf, someText } from "./text-match.ts";
import { type Evaluate, MAYBE, NO, type Truth, truthOf, YES } from "./truth.ts";
import { amountTest, idTest, jsonTest, textTest } from "./value-tests.ts";

/**
 * Makes a function of a query, or of a part of one.
 *
 * @param operation what becomes of `op:(…)`
 * @param instead what stands in the place of a term; undefined for what the term asks
 */
export function compile(
  expression: Expression,
  operation: (part: Expression) => Evaluate,
  instead: (term: Term) => Evaluate | undefined = () => undefined,
): Evaluate {
  switch (expression.is) {
    case "all":
      return every(expression.of.map((part) => compile(part, operation, instead)));
    case "any":
      return some(expression.of.map((part) => compile(part, operation, instead)));
    case "not": {
      const part = compile(expression.of, operation, instead);
      return (subject) => {
        const truth = part(subject);
        return truth === MAYBE ? MAYBE : truth === YES ? NO : YES;
      };
    }
    case "op":
      return operation(expression.of);
    default:
      return instead(expression) ?? termOf(expression);
  }
}

function termOf(term: Term): Evaluate {
  return term.is === "path" ? pathTerm(term) : term.is === "has" ? hasTerm(term) : namedTerm(term);
}

function every(parts: readonly Evaluate[]): Evaluate {
  if (parts.length === 1) return parts[0]!;
  return (subject) => {
    let result: Truth = YES;
    for (const part of parts) {
      const truth = part(subject);
      if (truth === NO) return NO;
      if (truth === MAYBE) result = MAYBE;
    }
    return result;
  };
}

function some(parts: readonly Evaluate[]): Evaluate {
  return (subject) => {
    let result: Truth = NO;
    for (const part of parts) {
      const truth = part(subject);
      if (truth === YES) return YES;
      if (truth === MAYBE) result = MAYBE;
    }
    return result;
  };
}

function pathTerm({ path, values }: PathTerm): Evaluate {
  const fits = jsonTest(values);
  return (subject) => {
    if (subject.type !== "frame") return NO;
    if (subject.level < ALL) return MAYBE;
    return truthOf(someAt(valueOf(subject.message), path, fits));
  };
}

function hasTerm({ paths }: HasTerm): Evaluate {
  const isSomething = (found: unknown) => found !== null && found !== undefined;
  return (subject) => {
    if (subject.type !== "frame") return NO;
    if (subject.level < ALL) return MAYBE;
    const message = valueOf(subject.message);
    return truthOf(paths.some((path) => someAt(message, path, isSomething)));
  };
}

function namedTerm({ name, values }: NamedTerm): Evaluate {
  const words = new Set(values.flatMap((value) => value.is === "text" ? [value.text] : []));
  switch (name) {
    case "method": {
      const fits = textTest(values);
      return ofFrame((subject) => {
        const method = subject.kind === "response" ? subject.request?.method : subject.method;
        return truthOf(method !== undefined && fits(method));
      });
    }
    case "tool": {
      const fits = textTest(values);
      return ofFrame((subject) => {
        if (subject.kind === "request" && !subject.isToolKnown) return MAYBE;
        const tool = subject.kind === "response" ? subject.request?.tool : subject.tool;
        return truthOf(tool !== undefined && fits(tool));
      });
    }
    case "id": {
      const fits = idTest(values);
      return ofFrame(({ isIdKnown, idKey }) => isIdKnown ? truthOf(idKey !== undefined && fits(idKey)) : MAYBE);
    }
    case "dir": {
      const dirs = new Set(
        words.size === 2
          ? ["client_to_server", "server_to_client"]
          : words.has("c2s")
          ? ["client_to_server"]
          : ["server_to_client"],
      );
      return ({ type, dir }) => truthOf(type === "frame" && dir !== undefined && dirs.has(dir));
    }
    case "kind":
      return (subject) => {
        const { type, level, kind } = subject;
        if (type !== "frame") return truthOf(type !== undefined && words.has(type));
        if (words.has("frame")) return YES;
        return level < FIRST_BYTES ? MAYBE : truthOf(words.has(kind!));
      };
    case "seq": {
      const fits = amountTest("number", values);
      return ({ type, seq }) => truthOf(type === "frame" && seq !== undefined && fits(seq));
    }
    case "at":
      return momentTest(values);
    case "request": {
      const fits = amountTest("number", values);
      return (subject) => {
        if (subject.type === "correlation") return ofCorrelation(subject, ({ request_seq }) => fits(request_seq));
        if (subject.type !== "frame") return NO;
        if (subject.level < FIRST_BYTES) return MAYBE;
        const seq = subject.kind === "response"
          ? subject.request?.seq
          : subject.kind === "request"
          ? subject.seq
          : undefined;
        return truthOf(seq !== undefined && fits(seq));
      };
    }
    case "dur": {
      const fits = amountTest("duration", values);
      return (subject) => {
        if (subject.type === "correlation") {
          return ofCorrelation(
            subject,
            ({ rtt_us, rtt_ms }) => rtt_us != null ? fits(rtt_us) : rtt_ms != null && fits(rtt_ms * 1000),
          );
        }
        if (subject.type !== "frame") return NO;
        if (subject.level < FIRST_BYTES) return MAYBE;
        const { request, kind, ts, us } = subject;
        if (kind !== "response" || request === undefined || ts === undefined) return NO;
        const exact = us !== undefined && request.us !== undefined ? us - request.us : (ts - request.ts) * 1000;
        return truthOf(fits(Math.max(0, exact)));
      };
    }
    case "status":
      return statusTerm(words);
    case "size": {
      const fits = amountTest(TERMS.size.values, values);
      return (subject) => {
        if (subject.type !== "frame" && subject.type !== "log") return NO;
        if (subject.level < ALL) return MAYBE;
        const size = sizeOf(subject.record!, subject.line);
        return truthOf(size !== undefined && fits(size));
      };
    }
    case "text": {
      const needles = [...words];
      const others = values.filter((value) => value.is !== "text");
      const fitsOther = others.length === 0 ? undefined : textTest(others);
      const fits = (text: string) => needles.some((needle) => text.includes(needle)) || fitsOther?.(text) === true;
      const hasEdges = others.some((value) => value.is === "regex" && /[$^]/.test(value.source));
      return (subject) => {
        if (subject.type !== "frame" && subject.type !== "log") return NO;
        if (subject.level < ALL) return MAYBE;
        return truthOf(someText(subject.record!, subject.line, fits, hasEdges));
      };
    }
  }
}

/** What can be told from the first bytes of a message. */
function ofFrame(evaluate: Evaluate): Evaluate {
  return (subject) => {
    if (subject.type !== "frame") return NO;
    return subject.level < FIRST_BYTES ? MAYBE : evaluate(subject);
  };
}

function ofCorrelation(subject: Subject, holds: (record: CorrelationRecord) => boolean): Truth {
  return subject.level < ALL ? MAYBE : truthOf(holds(subject.record as CorrelationRecord));
}

function statusTerm(words: ReadonlySet<string>): Evaluate {
  const codes = new Set([...words].filter((word) => /\d$/.test(word)).map(Number));
  return (subject) => {
    if (subject.type === "correlation") {
      return ofCorrelation(subject, (record) => statusesOf(record).some((word) => words.has(word)));
    }
    if (subject.type !== "frame") return NO;
    if (subject.level < FIRST_BYTES) return MAYBE;
    const { kind, isError, isToolError, request } = subject;
    if (kind === "request") {
      const { outcome } = subject;
      return truthOf(outcome !== undefined && (words.has(outcome) || words.has("pending")));
    }
    if (kind !== "response") return NO;
    const hasFailed = isError || isToolError;
    if (words.has(hasFailed ? "error" : "ok") || isError && words.has("rpc_error")) return YES;
    if (isToolError && words.has("tool_error") || request?.isCancelled === true && words.has("cancelled")) return YES;
    if (codes.size === 0) return NO;
    if (subject.level < ALL) return MAYBE;
    const code = member(member(valueOf(subject.message), "error"), "code");
    const httpStatus = (subject.record as FrameRecord).transport?.http?.status;
    return truthOf(typeof code === "number" && codes.has(code) || httpStatus != null && codes.has(httpStatus));
  };
}

function statusesOf({ status, late, response_seq }: CorrelationRecord): readonly string[] {
  const words: string[] = [];
  if (status === "success") words.push("ok");
  else if (status === "error") words.push("error", "rpc_error");
  else if (status != null) words.push(status);
  if (late === true) words.push("late");
  if (response_seq == null) words.push("pending");
  return words;
}
