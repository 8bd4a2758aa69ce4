import { checkOptions, type OptionNames } from "../arguments.ts";
import type { TapeStore } from "../stores/store.ts";
import type { StoreAccess, StoreCheck } from "./store-check.ts";
import { following } from "./store-following.ts";
import { losing } from "./store-losing.ts";
import { objects } from "./store-objects.ts";
import { reading } from "./store-reading.ts";
import { room } from "./store-room.ts";
import { writing } from "./store-writing.ts";

/** A store of a backend, made for one check and empty. */
export interface StoreUnderTest {
  /** The store. */
  readonly store: TapeStore;
  /** Another handle on the same tapes, as another process would open it. By default the store itself. */
  readonly other?: TapeStore | undefined;
  /** Makes room in a store that is full; only asked of what `openSmall` gives. */
  readonly free?: (() => Promise<void>) | undefined;
  /** Removes all that the check left behind. */
  readonly remove?: (() => Promise<void>) | undefined;
}

/** Options of {@linkcode testStore}. */
export interface TestStoreOptions {
  /**
   * Where to register the checks: `test` of `node:test`, `bun:test`, Vitest or uvu, or `Deno.test`. By default they run at
   * once, one after the other.
   */
  readonly test?: ((name: string, body: () => Promise<void>) => unknown) | undefined;
  /**
   * Makes a store with room for 64 KiB or a little more, or says in a sentence why that cannot be had here. Without it,
   * what happens where there is no more room is not checked.
   */
  readonly openSmall?: (() => Promise<StoreUnderTest | string>) | undefined;
  /** Tells how many files and connections are open, so that a source which does not let go of them is found. */
  readonly openHandles?: (() => number) | undefined;
}

const OPTIONS: OptionNames<TestStoreOptions> = { test: true, openSmall: true, openHandles: true };

/** What {@linkcode testStore} found, where it ran the checks itself. */
export interface TestStoreResult {
  /** Promises that the store keeps. */
  readonly passed: number;
  /** Why checks were left out, a sentence each. */
  readonly skipped: readonly string[];
}

/**
 * Holds a store to what every {@linkcode TapeStore} must do, whatever stands behind it: some forty checks of writing,
 * reading, following and small objects, each on a store of its own. Errors are told by their code, whatever they say.
 *
 * With `test` the checks are registered there, and the result counts none. Without, they run at once.
 *
 * @param name stands before the name of each check
 * @param open makes a new and empty store for each check
 * @throws {AggregateError} the store does not keep all promises: the message lists them, `errors` has the reasons; only
 * without `test`
 *
 * @example
 * ```ts
 * import { memoryStore } from "tapeline";
 * import { testStore } from "tapeline/testing";
 *
 * const { passed } = await testStore("memoryStore()", () => memoryStore());
 * console.log(`${passed} checks passed`);
 * ```
 */
export async function testStore(
  name: string,
  open: () => TapeStore | StoreUnderTest | Promise<TapeStore | StoreUnderTest>,
  options: TestStoreOptions = {},
): Promise<TestStoreResult> {
  checkOptions("test a store", options, OPTIONS);
  const { test, openSmall, openHandles = () => 0 } = options;
  const skipped: string[] = [];

  const run = async ({ body }: StoreCheck, under: StoreUnderTest) => {
    const { store, other = store, free = () => Promise.resolve(), remove } = under;
    const access: StoreAccess = { store, other, free, openHandles };
    try {
      await body(access);
    } finally {
      await remove?.();
    }
  };
  const all = [
    ...[...writing, ...losing, ...objects, ...reading, ...following].map((check) => ({
      title: `${name} ${check.title}`,
      body: async () => await run(check, asUnderTest(await open())),
    })),
    ...(openSmall === undefined ? [] : room).map((check) => ({
      title: `${name} ${check.title}`,
      body: async () => {
        const under = await openSmall!();
        if (typeof under !== "string") return await run(check, under);
        if (test !== undefined) console.log(`skip: ${under}`);
        skipped.push(under);
      },
    })),
  ];

  if (test !== undefined) {
    for (const { title, body } of all) test(title, body);
    return { passed: 0, skipped };
  }
  const failures: Error[] = [];
  for (const { title, body } of all) {
    await body().catch((cause: unknown) => {
      const reason = cause instanceof Error ? cause.message : String(cause);
      failures.push(new Error(`${title}: ${reason}`, { cause }));
    });
  }
  if (failures.length > 0) {
    const list = failures.map(({ message }) => `\n  ${message}`).join("");
    throw new AggregateError(failures, `${failures.length} of ${all.length} checks failed:${list}`);
  }
  return { passed: all.length - skipped.length, skipped };
}

function asUnderTest(opened: TapeStore | StoreUnderTest): StoreUnderTest {
  return "openSink" in opened ? { store: opened } : opened;
}
