import fc from "../helpers/properties.ts";
import { asked, durationOf, type Fits, kindOf, type Said, valuesAt } from "./reference.ts";
import { METHODS, PATHS, TOOLS, WORDS } from "./conversations.ts";

// Questions at random, each as a query and as what it means.

/** A query, and what it means. */
export interface Question {
  readonly query: string;
  readonly fits: Fits;
  /** The names of its terms. */
  readonly terms: readonly string[];
}

const quoted = (text: string) => `"${text.replace(/["\\]/g, "\\$&")}"`;
const ofFrames = (fits: Fits): Fits => (said) => said.record.type === "frame" && fits(said);
const ofAnswers = (fits: Fits) => ofFrames((said) => kindOf(said.message) === "response" && fits(said));

function term(name: string, value: string, fits: Fits): Question {
  return { query: `${name}${value}`, fits, terms: [name] };
}

const named = fc.constantFrom(...METHODS, "tools/*", "*/call,ping");
const methods = named.map((name) => {
  const isGlob = name.includes("*");
  const fits = (method: unknown) =>
    isGlob
      ? typeof method === "string" && (name === "tools/*" ? /^tools\//.test(method) : /\/call$|^ping$/.test(method))
      : method === name;
  return term("method:", isGlob ? name : quoted(name), ofFrames((said) => fits(asked(said)?.method)));
});

const tools = fc.constantFrom(...TOOLS, "none", "/^[rs]/").map((name) => {
  const isRegex = name.startsWith("/");
  const fits = (message: unknown) => {
    const { method, params } = (message ?? {}) as { method?: unknown; params?: { name?: unknown } };
    if (method !== "tools/call" || kindOf(message) !== "request") return false;
    return isRegex ? /^[rs]/.test(String(params?.name ?? "")) : params?.name === name;
  };
  return term("tool:", isRegex ? name : quoted(name), ofFrames((said) => fits(asked(said))));
});

const ids = fc.constantFrom(0, 7, "7", 12, 1.5, "café", 'a"b', 404).chain((id) =>
  fc.boolean().map((isText) => {
    const has = (message: Said["message"]) => ["request", "response"].includes(kindOf(message));
    const fits = (found: unknown) =>
      found === String(id) || (!isText && /^[\d.]+$/.test(String(id)) && found === Number(id));
    const value = isText || !/^[\d.]+$/.test(String(id)) ? quoted(String(id)) : String(id);
    return term("id:", value, ofFrames(({ message }) => has(message) && fits(message.id)));
  })
);

const statuses = fc.constantFrom("ok", "error", "rpc_error", "tool_error", "-32601").map((status) =>
  term(
    "status:",
    status,
    ofAnswers(({ message }) => {
      const isError = message.error !== undefined;
      const isToolError = !isError && message.result?.isError === true;
      switch (status) {
        case "ok":
          return !isError && !isToolError;
        case "error":
          return isError || isToolError;
        case "rpc_error":
          return isError;
        case "tool_error":
          return isToolError;
      }
      return message.error?.code === Number(status);
    }),
  )
);

const texts = fc.constantFrom(...WORDS, "/n.edle$/", "/caf[eé]/").map((word) => {
  const regex = word.startsWith("/") ? new RegExp(word.slice(1, -1)) : undefined;
  const fits: Fits = ({ texts }) => texts.some((text) => regex === undefined ? text.includes(word) : regex.test(text));
  return term("text:", regex === undefined ? quoted(word) : word, fits);
});

const paths = fc.tuple(fc.constantFrom(...PATHS), fc.constantFrom(...WORDS)).map(([[name, path], word]) =>
  term(`${name}:`, quoted(word), ofFrames(({ message }) => valuesAt(message, path).includes(word)))
);

const has = fc.constantFrom(...PATHS, ["error", ["error"]] as const, ["result.none", ["result", "none"]] as const)
  .map(([name, path]) =>
    term(
      "has:",
      name,
      ofFrames(({ message }) => valuesAt(message, path).some((value) => value !== null && value !== undefined)),
    )
  );

/** A range of whole numbers with its unit, and whether a number is in it. */
const ranges = (max: number, unit: string) =>
  fc.tuple(fc.nat(max), fc.nat(max)).chain(([a, b]) => {
    const [from, to] = a < b ? [a, b] : [b, a];
    return fc.constantFrom(
      { text: `${from}${unit}..${to}${unit}`, has: (n: number) => n >= from && n <= to },
      { text: `>${from}${unit}`, has: (n: number) => n > from },
      { text: `<=${to}${unit}`, has: (n: number) => n <= to },
    );
  });

const numbers = fc.oneof(
  ranges(60, "").map(({ text, has }) =>
    term("seq:", text, ofFrames(({ record }) => record.type === "frame" && has(record.seq)))
  ),
  ranges(60, "").map(({ text, has }) =>
    term(
      "request:",
      text,
      ofFrames(({ record, message, request }) => {
        if (kindOf(message) === "response") return request !== undefined && has(request.record.seq);
        return record.type === "frame" && kindOf(message) === "request" && has(record.seq);
      }),
    )
  ),
  ranges(200, "ms").map(({ text, has }) =>
    term("dur:", text, ofAnswers((said) => durationOf(said) !== undefined && has(durationOf(said)! / 1000)))
  ),
  fc.tuple(fc.nat(500), fc.nat(500)).map(([from, length]) =>
    term("at:", `+${from}ms..+${from + length}ms`, ({ record }) => record.ts >= from && record.ts <= from + length)
  ),
  ranges(9, "").map(({ text, has }) =>
    term(
      "params.arguments.limit:",
      text,
      ofFrames(({ message }) =>
        valuesAt(message, ["params", "arguments", "limit"]).some((value) => typeof value === "number" && has(value))
      ),
    )
  ),
);

const sizes = ranges(300, "").map(({ text, has }) =>
  term("size:", text, ({ texts: [said] }) => has(new TextEncoder().encode(said).length))
);

const words = fc.oneof(
  fc.constantFrom("c2s", "s2c").map((dir) =>
    term(
      "dir:",
      dir,
      ofFrames(({ record }) =>
        record.type === "frame" && record.dir === (dir === "c2s" ? "client_to_server" : "server_to_client")
      ),
    )
  ),
  fc.constantFrom("request", "response", "notification", "batch", "invalid").map((kind) =>
    term("kind:", kind, ofFrames(({ message }) => kindOf(message) === kind))
  ),
  fc.constant(term("kind:", "log", ({ record }) => record.type === "log")),
);

/** Any question. */
export const questions: fc.Arbitrary<Question> = fc.letrec<{ any: Question }>((tie) => ({
  any: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.oneof(methods, tools, ids, statuses, texts, paths, has, numbers, sizes, words),
    tie("any").map(({ query, fits, terms }) => ({ query: `-(${query})`, fits: (said: Said) => !fits(said), terms })),
    fc.tuple(tie("any"), tie("any"), fc.boolean()).map(([a, b, isAny]) => ({
      query: `(${a.query})${isAny ? " OR " : " "}(${b.query})`,
      fits: (said: Said) => isAny ? a.fits(said) || b.fits(said) : a.fits(said) && b.fits(said),
      terms: [...a.terms, ...b.terms],
    })),
  ),
})).any;
