import { isTapeError, type TapeError, type TapeErrorCode } from "../errors.ts";

/** What `promise` gives, or an error that says what did not happen: no test waits for ever. */
export async function within<T>(promise: Promise<T>, what: string, ms = 20_000): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: nothing happened in ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Asks again and again until it is so, for what sends no event. */
export async function eventually(what: string, isSo: () => boolean | Promise<boolean>, ms = 20_000): Promise<void> {
  const deadline = performance.now() + ms;
  while (!await isSo()) {
    if (performance.now() > deadline) throw new Error(`${what}: not so in ${ms} ms`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** The error that `promise` rejects with, checked to be of this code. */
export async function rejection(promise: Promise<unknown>, code: TapeErrorCode): Promise<TapeError> {
  const error = await reasonOf(promise);
  if (isTapeError(error, code)) return error;
  throw new Error(`expected an error with code ${code}, not: ${String(error)}`, { cause: error });
}

/** What `promise` rejects with, whatever it is. */
export async function reasonOf(promise: Promise<unknown>): Promise<unknown> {
  let value: unknown;
  try {
    value = await within(promise, "a rejection");
  } catch (error) {
    return error;
  }
  throw new Error(`expected a rejection, not the value ${String(value)}`);
}
