import { TapeError } from "../errors.ts";

/** What secretlint has found in one of several texts. */
export interface LintedSecret {
  /** Which of the texts, from 0. */
  readonly text: number;
  readonly start: number;
  readonly end: number;
  /** `secretlint-` and the name of its rule. */
  readonly rule: string;
}

/** Looks for secrets in texts by the rules of secretlint. */
export type Linter = (texts: readonly string[]) => Promise<readonly LintedSecret[]>;

const PACKAGES = ["@secretlint/core", "@secretlint/secretlint-rule-preset-recommend"];

/**
 * Loads secretlint with the rules that it recommends.
 *
 * @throws {TapeError} code `invalid_argument`: it is not installed
 */
export async function loadSecretlint(): Promise<Linter> {
  const [{ lintSource }, { creator }] = await Promise.all([
    import("@secretlint/core"),
    import("@secretlint/secretlint-rule-preset-recommend"),
  ]).catch((cause: unknown) => {
    throw new TapeError(
      "invalid_argument",
      `Cannot look for secrets with secretlint: it takes the packages ${
        PACKAGES.join(" and ")
      }, which are not installed`,
      { cause },
    );
  });
  const config = { rules: [{ id: PACKAGES[1]!, rule: creator }] };
  return async (texts) => {
    // By its comments a text could switch the rules off, for itself and for those behind it.
    const content = texts.join("\n").replaceAll("secretlint-", "secretlint_");
    const { messages } = await lintSource({
      source: { content, filePath: "tape", ext: "", contentType: "text" },
      options: { config, noPhysicFilePath: true },
    });
    return messages.flatMap(({ ruleId, range: [start, end] }) => placesOf(texts, start, end, nameOf(ruleId)));
  };
}

/** What of a range is in which of the texts, which stand behind each other with one character between them. */
function placesOf(texts: readonly string[], start: number, end: number, rule: string): LintedSecret[] {
  const places: LintedSecret[] = [];
  let at = 0;
  for (const [text, { length }] of texts.entries()) {
    const [from, to] = [Math.max(0, start - at), Math.min(length, end - at)];
    if (from < to) places.push({ text, start: from, end: to, rule });
    at += length + 1;
    if (at >= end) break;
  }
  return places;
}

/** `@secretlint/secretlint-rule-aws` is `secretlint-aws`. */
function nameOf(ruleId: string): string {
  const name = ruleId.replace(/^.*secretlint-rule-/, "").toLowerCase().replace(/[^a-z0-9-]/g, "-");
  return `secretlint-${name}`.slice(0, 40);
}
