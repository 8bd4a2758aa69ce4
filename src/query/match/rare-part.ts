/** Characters of messages in English, from the most frequent to the rarest; those that are missing are rarer. */
const FREQUENT = ' e"taoinsrlhcdpm:,u20g1fyb\\wv345/6_-.789k{}[]xjqz';
/** A part that is shorter stands in too many places. */
const LEAST = 3;

/** How often a search would stop at this character. */
function frequency(character: string): number {
  const rank = FREQUENT.indexOf(character);
  return rank < 0 ? 0 : FREQUENT.length - rank;
}

/**
 * Where the part of a word begins that is found sooner than all of it. A search stops wherever the first character of what it looks for
 * stands: `dle` is found sooner than `needle`. 0 where the word is not ASCII.
 */
export function rarePart(word: string): number {
  if (!/^[\0-\x7f]*$/.test(word)) return 0;
  let rarest = 0;
  for (let at = 1; at <= word.length - LEAST; at++) {
    if (frequency(word[at]!) < frequency(word[rarest]!)) rarest = at;
  }
  return rarest;
}
