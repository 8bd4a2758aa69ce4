// What `pipe` and `compose` were given, looked at before anything is locked or used up.
import { isThenable, kindOf } from "../arguments.ts";
import { checkUsable, Stage } from "./stage.ts";

/**
 * Refuses what nobody can read chunks from, and what nobody wants to: a string is an iterable of its characters.
 *
 * @throws {TypeError}
 */
export function checkSource(source: unknown): void {
  if (source instanceof ReadableStream) return;
  const why = (text: string) => new TypeError(`Cannot pipe ${kindOf(source)}: ${text}`);
  if (typeof source === "string") {
    throw why("its characters would be the chunks; use memorySource(text), or fileSource(path) of a file");
  }
  if (ArrayBuffer.isView(source) || source instanceof ArrayBuffer) {
    throw why("its numbers would be the chunks; use memorySource(bytes)");
  }
  if (isThenable(source)) throw why("await it first");
  if (typeof source === "function") throw why("call it");
  const { [Symbol.iterator]: some, [Symbol.asyncIterator]: later } = Object(source);
  if (typeof some !== "function" && typeof later !== "function") throw why("it is no ReadableStream and no iterable");
}

/**
 * Refuses what is no transform, or cannot be used any more.
 *
 * @param what what cannot be done with them, as in "Cannot <what>"
 * @throws {TypeError}
 */
export function checkTransforms(what: string, transforms: readonly unknown[]): void {
  for (const [at, transform] of transforms.entries()) {
    if (!isTransform(transform)) {
      throw new TypeError(`Cannot ${what} ${kindOf(transform)}: ${whyNot(transform, at === transforms.length - 1)}`);
    }
    checkUsable(transform);
  }
}

/** Looking at the ends of a stage would put it to use. */
function isTransform(value: unknown): value is TransformStream<unknown, unknown> {
  if (value instanceof Stage) return true;
  return typeof value === "object" && value !== null && "readable" in value && "writable" in value &&
    value.readable instanceof ReadableStream && value.writable instanceof WritableStream;
}

function whyNot(value: unknown, isLast: boolean): string {
  if (typeof value === "function") return `call it, as in ${value.name || "lineSplit"}()`;
  if (isThenable(value)) return "await it first";
  if (value instanceof WritableStream) return "a sink can only stand at the end of pipe()";
  if (isLast && typeof value === "object" && value !== null && "write" in value && "end" in value) {
    return "it is a stream of Node; use Writable.toWeb() of node:stream";
  }
  return "it is no transform";
}
