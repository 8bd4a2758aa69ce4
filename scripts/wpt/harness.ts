/**
 * As much of the Web Platform Tests' `testharness.js` as the tests of streams use, for any runtime: theirs is made for
 * browsers.
 */

/** A test that is to run. */
export interface WptTest {
  readonly name: string;
  run(): Promise<void>;
}

type Body = (t: TestObject) => unknown;

/** What a test is called with. */
class TestObject {
  /** Errors thrown where nobody would catch them. */
  readonly failures: unknown[] = [];
  readonly #cleanups: (() => unknown)[] = [];

  step<R>(body: () => R): R {
    try {
      return body();
    } catch (error) {
      this.failures.push(error);
      throw error;
    }
  }

  step_func<A extends unknown[], R>(body: (...args: A) => R): (...args: A) => R {
    return (...args) => this.step(() => body(...args));
  }

  step_timeout(body: () => void, ms: number): void {
    setTimeout(() => this.step(body), ms);
  }

  unreached_func(message: string): () => never {
    return () => this.step(() => assert(false, `reached: ${message}`) as never);
  }

  add_cleanup(body: () => unknown): void {
    this.#cleanups.push(body);
  }

  async cleanUp(): Promise<void> {
    for (const body of this.#cleanups) await body();
  }
}

/** The tests that were declared since. */
let declared: WptTest[] = [];

/** What `load` declares. */
export function collectTests(load: () => void): WptTest[] {
  declared = [];
  load();
  return declared;
}

function declare(body: Body, name: string): void {
  declared.push({
    name,
    async run() {
      const t = new TestObject();
      try {
        await body(t);
        if (t.failures.length > 0) throw t.failures[0];
      } finally {
        await t.cleanUp();
      }
    },
  });
}

function assert(isTrue: boolean, message: string): asserts isTrue {
  if (!isTrue) throw new Error(message);
}

const because = (message: string | undefined): string => message === undefined ? "" : `, though ${message}`;

function sameValue(actual: unknown, expected: unknown, message?: string): void {
  assert(Object.is(actual, expected), `${String(actual)} is not ${String(expected)}${because(message)}`);
}

function sameItems(actual: ArrayLike<unknown>, expected: ArrayLike<unknown>, message?: string): void {
  const both = [actual, expected].map((items) => `[${Array.from(items, String).join()}]`).join(" is not ");
  const isSame = actual.length === expected.length &&
    Array.from(actual).every((item, at) => Object.is(item, expected[at]));
  assert(isSame, `${both}${because(message)}`);
}

function sameMembers(actual: object, expected: object, message?: string): void {
  const [one, other] = [Object.entries(actual), Object.entries(expected)];
  sameItems(one.flat(), other.flat(), message);
}

async function rejection(promise: Promise<unknown>, message: string | undefined): Promise<unknown> {
  let value: unknown;
  try {
    value = await promise;
  } catch (error) {
    return error;
  }
  throw new Error(`fulfilled with ${String(value)}${because(message)}`);
}

function thrownBy(body: () => unknown, message: string | undefined): unknown {
  try {
    body();
  } catch (error) {
    return error;
  }
  throw new Error(`threw nothing${because(message)}`);
}

type ErrorType = new () => Error;

function isOfType(error: unknown, type: ErrorType, message?: string): void {
  assert(error instanceof type, `${String(error)} is no ${type.name}${because(message)}`);
}

/** The globals that the tests expect. */
export const globals: Record<string, unknown> = {
  self: globalThis,
  test: declare,
  promise_test: declare,
  step_timeout: (body: () => void, ms: number) => setTimeout(body, ms),
  assert_true: (actual: unknown, message?: string) => sameValue(actual, true, message),
  assert_false: (actual: unknown, message?: string) => sameValue(actual, false, message),
  assert_equals: sameValue,
  assert_not_equals: (actual: unknown, other: unknown, message?: string) =>
    assert(!Object.is(actual, other), `both are ${String(actual)}${because(message)}`),
  assert_array_equals: sameItems,
  assert_object_equals: sameMembers,
  assert_unreached: (message?: string) => assert(false, `reached${because(message)}`),
  assert_throws_js: (type: ErrorType, body: () => unknown, message?: string) =>
    isOfType(thrownBy(body, message), type, message),
  assert_throws_exactly: (expected: unknown, body: () => unknown, message?: string) =>
    sameValue(thrownBy(body, message), expected, message),
  promise_rejects_js: async (_: unknown, type: ErrorType, promise: Promise<unknown>, message?: string) =>
    isOfType(await rejection(promise, message), type, message),
  promise_rejects_exactly: async (_: unknown, expected: unknown, promise: Promise<unknown>, message?: string) =>
    sameValue(await rejection(promise, message), expected, message),
  promise_rejects_dom: async (_: unknown, name: string, promise: Promise<unknown>, message?: string) => {
    const error = await rejection(promise, message);
    assert(error instanceof DOMException && error.name === name, `${String(error)} is no ${name}${because(message)}`);
  },
};
