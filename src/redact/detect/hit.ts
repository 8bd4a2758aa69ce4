/** A secret in a text: from where to where, and which rule has found it. */
export interface Hit {
  readonly start: number;
  readonly end: number;
  readonly rule: string;
  /** The secret, where it is spelled there in another way. */
  readonly value?: string;
}

/**
 * The hits in their order, none of which touches another's letters: of those that overlap one is left, over all that they have, so
 * that nothing of a secret stays beside its token. It has the name of the one that covers most, of equal ones the first.
 */
export function disjoint(hits: readonly Hit[]): Hit[] {
  if (hits.length < 2) return [...hits];
  const sorted = hits.toSorted((a, b) => a.start - b.start);
  const result: Hit[] = [];
  let [last, widest] = [sorted[0]!, sorted[0]!];
  for (const hit of sorted.slice(1)) {
    if (hit.start >= last.end) {
      result.push(last);
      last = widest = hit;
      continue;
    }
    if (hit.end - hit.start > widest.end - widest.start) widest = hit;
    last = { start: last.start, end: Math.max(last.end, hit.end), rule: widest.rule };
  }
  result.push(last);
  return result;
}
