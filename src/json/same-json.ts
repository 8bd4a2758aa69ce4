/**
 * Whether two JSON values are the same: types, values, keys and the order of keys. Any depth of nesting will do, where
 * comparing by `JSON.stringify` would overflow the stack.
 */
export function sameJson(a: unknown, b: unknown): boolean {
  const left: unknown[] = [a];
  const right: unknown[] = [b];
  while (left.length > 0) {
    const x = left.pop();
    const y = right.pop();
    if (Object.is(x, y)) continue;
    if (typeof x !== "object" || typeof y !== "object" || x === null || y === null) return false;
    if (Object.getPrototypeOf(x) !== Object.getPrototypeOf(y)) return false;
    const xKeys = Object.keys(x);
    const yKeys = Object.keys(y);
    if (xKeys.length !== yKeys.length || Array.isArray(x) && x.length !== (y as unknown[]).length) return false;
    for (let at = 0; at < xKeys.length; at++) {
      const key = xKeys[at]!;
      if (key !== yKeys[at]) return false;
      left.push((x as Record<string, unknown>)[key]);
      right.push((y as Record<string, unknown>)[key]);
    }
  }
  return true;
}
