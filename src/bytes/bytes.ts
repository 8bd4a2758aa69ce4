/** Bytes of our own making: never shared with another thread, so that every stream of the platform takes them. */
export type Bytes = Uint8Array<ArrayBuffer>;

/** Whether a value is bytes, of this realm or another. */
export function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array || Object.prototype.toString.call(value) === "[object Uint8Array]";
}

/** Joins chunks into one array; a single chunk is returned as it is. */
export function concat(chunks: readonly Bytes[]): Bytes {
  if (chunks.length === 1) return chunks[0]!;
  const whole = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

/** Joins chunks that stand one behind the other in the same memory, without copying: `encodeRecord` makes such. */
export function coalesce(chunks: readonly Uint8Array[]): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  let last: Uint8Array | undefined;
  for (const chunk of chunks) {
    if (last !== undefined && last.buffer === chunk.buffer && last.byteOffset + last.byteLength === chunk.byteOffset) {
      last = new Uint8Array(last.buffer, last.byteOffset, last.byteLength + chunk.byteLength);
      pieces[pieces.length - 1] = last;
    } else pieces.push(last = chunk);
  }
  return pieces;
}
