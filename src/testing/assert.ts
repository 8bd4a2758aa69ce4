// Three assertions, so that the suite runs where there is no test runner, and no module of a runtime.

/** Fails unless the values are the same. */
export function is(actual: unknown, expected: unknown, what?: string): void {
  if (!Object.is(actual, expected)) fail(actual, expected, what);
}

/** Fails unless the values are the same JSON. */
export function equal(actual: unknown, expected: unknown, what?: string): void {
  if (JSON.stringify(actual) !== JSON.stringify(expected)) fail(actual, expected, what);
}

/** Fails unless it is true. */
export function ok(actual: boolean, what?: string): void {
  if (!actual) fail(actual, true, what);
}

function fail(actual: unknown, expected: unknown, what: string | undefined): never {
  throw new Error(`${what === undefined ? "" : `${what}: `}expected ${shown(expected)}, not ${shown(actual)}`);
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 200 ? `${text.slice(0, 200)}… (${text.length} characters)` : text;
}
