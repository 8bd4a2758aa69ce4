import type { TextRule } from "../../redact/detect/rules.ts";
import { textHits } from "../../redact/detect/text-hits.ts";
import { LoadedPolicy } from "../../redact/policy/loaded-policy.ts";
import { Redaction } from "../../redact/redaction.ts";
import { type LintedSecret, loadSecretlint } from "../../redact/secretlint.ts";
import type { TapeStore } from "../../stores/store.ts";
import { lookThrough } from "./look-through.ts";

/** So many characters are looked through together. */
const BATCH_LENGTH = 256 * 1024;
/** No secret is shorter. */
const MIN_LENGTH = 8;
/** So many texts are known again, as names and short values come with every message. */
const MAX_SEEN = 50_000;
const MAX_SEEN_LENGTH = 200;

/**
 * A policy that is ready for one tape. Where it asks for secretlint, which takes its time and has to be waited for, the tape is read
 * once before: what secretlint finds in a text is then a secret in that text. Every other policy is ready as it is.
 *
 * @throws {TapeError} code `invalid_argument`: secretlint is not installed; as the tape's reader does
 */
export async function lintedPolicy(
  store: TapeStore,
  tapeId: string,
  policy: LoadedPolicy,
  { signal, onProgress }: {
    readonly signal?: AbortSignal | undefined;
    readonly onProgress?: ((bytes: number) => void) | undefined;
  } = {},
): Promise<LoadedPolicy> {
  if (!policy.wantsSecretlint) return policy;
  const lint = await loadSecretlint();
  const secrets = new Map<string, LintedSecret[]>();
  const texts = new Texts();
  const lintAll = async () => {
    signal?.throwIfAborted();
    const batch = texts.take();
    for (const secret of await lint(batch)) {
      const text = batch[secret.text]!;
      if (!isKnown(text, secret, policy)) secrets.set(text, [...secrets.get(text) ?? [], secret]);
    }
  };
  const collecting = withTexts(policy, [{ rule: "", literal: undefined, find: (text) => texts.add(text) }]);
  await lookThrough(store, tapeId, new Redaction(collecting, undefined), {
    signal,
    onDone: (bytes) => {
      if (bytes !== undefined) onProgress?.(bytes);
      return texts.length >= BATCH_LENGTH || bytes === undefined ? lintAll() : undefined;
    },
  });
  const rules = new Set([...secrets.values()].flat().map(({ rule }) => rule));
  return withTexts(
    policy,
    [...rules].sort().map((rule) => ({
      rule,
      literal: undefined,
      find: (text) => (secrets.get(text) ?? []).flatMap((each) => each.rule === rule ? [[each.start, each.end]] : []),
    })),
  );
}

function withTexts({ policy, rules }: LoadedPolicy, texts: readonly TextRule[]): LoadedPolicy {
  return new LoadedPolicy(policy, [...rules.texts, ...texts], false);
}

/** What the rules here find too has their name, as it has everywhere. What was taken out before is no secret any more. */
function isKnown(text: string, secret: LintedSecret, { rules }: LoadedPolicy): boolean {
  if (/\[REDACTED:[\w.-]{1,64}:[0-9a-f]{12}\]/.test(text.slice(secret.start, secret.end))) return true;
  return textHits(text, rules).some(({ start, end }) => start < secret.end && secret.start < end);
}

/** Texts that are to be looked through, each of the short ones once. */
class Texts {
  #texts: string[] = [];
  readonly #seen = new Set<string>();
  length = 0;

  add(text: string): readonly [] {
    if (text.length < MIN_LENGTH || this.#seen.has(text)) return [];
    if (text.length <= MAX_SEEN_LENGTH) {
      if (this.#seen.size >= MAX_SEEN) this.#seen.clear();
      this.#seen.add(text);
    }
    this.#texts.push(text);
    this.length += text.length;
    return [];
  }

  take(): readonly string[] {
    const texts = this.#texts;
    this.#texts = [];
    this.length = 0;
    return texts;
  }
}
