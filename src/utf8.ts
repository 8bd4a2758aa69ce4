type Utf8Slice = (this: Uint8Array, start: number, end: number) => string;

/** Where there is a `Buffer` (Node, Deno, Bun), it decodes short texts faster than a `TextDecoder`. */
const utf8Slice = (globalThis as { Buffer?: { prototype: { utf8Slice?: Utf8Slice } } }).Buffer?.prototype.utf8Slice;
type Latin1Write = (this: Uint8Array, text: string, at: number) => number;
const { Buffer, Deno, Bun } = globalThis as {
  Buffer?: { prototype: { latin1Write?: Latin1Write } };
  Deno?: unknown;
  Bun?: unknown;
};
/** Node copies a text into bytes where they lie; others are called no quicker than a loop runs. */
const latin1Write = Deno === undefined && Bun === undefined ? Buffer?.prototype.latin1Write : undefined;
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const strict = new TextDecoder("utf-8", { ignoreBOM: true, fatal: true });

/** UTF-8 as text. A byte order mark stays; what is not UTF-8 becomes U+FFFD. */
export function decodeUtf8(bytes: Uint8Array, start: number = 0, end: number = bytes.length): string {
  return utf8Slice === undefined ? decoder.decode(bytes.subarray(start, end)) : utf8Slice.call(bytes, start, end);
}

/**
 * UTF-8 as text. A byte order mark stays.
 *
 * @throws {TypeError} the bytes are not UTF-8
 */
export function decodeStrictly(bytes: Uint8Array, start: number, end: number): string {
  const text = decodeUtf8(bytes, start, end);
  // Only where a replacement character shows up can anything have been replaced.
  return text.includes("\uFFFD") ? strict.decode(bytes.subarray(start, end)) : text;
}

/** Writes a text, which must be ASCII, into bytes: there must be room for it. */
export function putAscii(bytes: Uint8Array, text: string, at: number): void {
  if (latin1Write !== undefined) latin1Write.call(bytes, text, at);
  else for (let index = 0; index < text.length; index++) bytes[at + index] = text.charCodeAt(index);
}
