import { secretSpans } from "../../records/secrets/secret-text.ts";
import type { Hit } from "./hit.ts";
import { disjoint } from "./hit.ts";
import { NAMED_SECRET, PRIVATE_KEY, ruleOfName, type RuleSet, URL_CREDENTIALS } from "./rules.ts";
import { tokenHits } from "./token-shapes.ts";

/** A private key in PEM. Its line ends may be escaped, and its end may be missing. */
const PRIVATE = new RegExp(
  String.raw`-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----` +
    String.raw`(?:[A-Za-z0-9+/=\s\\:,.]|-(?!----))*(?:-----END [A-Z0-9 ]{0,60}-----)?`,
  "g",
);
/** What stands in the place of a secret. */
const TOKENS = /\[REDACTED:[\w.-]{1,64}:[0-9a-f]{12}\]/g;
/** A word in which characters are spelled as in URLs. */
const PERCENT_WORD = /[^\s"'<>%]*%[0-9A-Fa-f]{2}[^\s"'<>]*/g;

/**
 * The secrets in a text that is no JSON. Each has its rule, and its value where that is spelled in another way.
 */
export function textHits(text: string, rules: RuleSet): Hit[] {
  const hits = plainHits(text, rules);
  if (text.includes("%")) hits.push(...percentHits(text, rules));
  const tokens = hits.length === 0 ? [] : [...text.matchAll(TOKENS)];
  const isReplaced = ({ start, end }: Hit) =>
    tokens.some(({ index, 0: token }) => index <= start && end <= index + token.length);
  return disjoint(tokens.length === 0 ? hits : hits.filter((hit) => !isReplaced(hit)));
}

function plainHits(text: string, rules: RuleSet): Hit[] {
  const { keeps } = rules;
  // Of two that find the same the first gives its name: the one that knows most of it.
  const hits: Hit[] = [];
  for (const { rule, find } of rules.texts) for (const [start, end] of find(text)) hits.push({ start, end, rule });
  hits.push(...tokenHits(text, keeps));
  if (!keeps.has(PRIVATE_KEY) && text.includes("-----BEGIN")) {
    for (const { index, 0: key } of text.matchAll(PRIVATE)) {
      // Programs name what it begins with.
      if (!/[A-Za-z0-9+/=]{16}/.test(key)) continue;
      hits.push({ start: index, end: index + key.trimEnd().length, rule: PRIVATE_KEY });
    }
  }
  const isSecret = (name: string) => ruleOfName(rules, name) !== undefined;
  for (const { start, end, name } of secretSpans(text, false, isSecret)) {
    const rule = name === undefined ? URL_CREDENTIALS : ruleOfName(rules, name) ?? NAMED_SECRET;
    if (!keeps.has(rule)) hits.push({ start, end, rule });
  }
  return hits;
}

/** The same in words of a URL, in which `=` may be spelled `%3D`. */
function percentHits(text: string, rules: RuleSet): Hit[] {
  const hits: Hit[] = [];
  for (const { index, 0: word } of text.matchAll(PERCENT_WORD)) {
    let plain = "";
    const places: number[] = [];
    for (let at = 0; at < word.length; places.push(at)) {
      const code = word[at] === "%" && /^%[2-7][0-9A-Fa-f]/.test(word.slice(at, at + 3))
        ? parseInt(word.slice(at + 1, at + 3), 16)
        : undefined;
      plain += code === undefined ? word[at] : String.fromCharCode(code);
      at += code === undefined ? 1 : 3;
    }
    // Where a character ends, which may have three letters.
    places.unshift(0);
    for (const { start, end, rule } of plainHits(plain, rules)) {
      hits.push({ start: index + places[start]!, end: index + places[end]!, rule, value: plain.slice(start, end) });
    }
  }
  return hits;
}
