/** That two lists hold the same JSON, or an error that shows the first difference: long lists make long diffs. */
export function assertSameList(actual: readonly unknown[], expected: readonly unknown[], what = "the list"): void {
  const at = expected.findIndex((item, at) => JSON.stringify(item) !== JSON.stringify(actual[at]));
  const first = at < 0 && actual.length > expected.length ? expected.length : at;
  if (first < 0) return;
  const shown = (list: readonly unknown[]) => JSON.stringify(list[first])?.slice(0, 300) ?? "nothing";
  throw new Error(
    `${what} has ${actual.length} items for ${expected.length}, and at ${first} ${shown(actual)}, not ${
      shown(expected)
    }`,
  );
}
