import { formatCount, plural } from "../../terminal/units.ts";

/** `9 named-secret, 5 github-token`: the most frequent rule first. */
export function ruleCounts(rules: Readonly<Record<string, number>>): string {
  return Object.entries(rules)
    .sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1))
    .map(([rule, count]) => `${formatCount(count)} ${rule}`)
    .join(", ");
}

/** How many secrets there are in all. */
export function sumOf(rules: Readonly<Record<string, number>>): number {
  return Object.values(rules).reduce((sum, count) => sum + count, 0);
}

/** `14 secrets taken out: 9 named-secret, 5 github-token` */
export function takenOut(rules: Readonly<Record<string, number>>): string {
  const count = sumOf(rules);
  return count === 0 ? "no secret found" : `${plural(count, "secret")} taken out: ${ruleCounts(rules)}`;
}
