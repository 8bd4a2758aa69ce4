/** Everything that comes out of a stream, or of anything else that can be iterated. */
export async function collect<T>(stream: AsyncIterable<T> | Iterable<T>): Promise<T[]> {
  const chunks: T[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

/** Lets everything happen that waits for nothing but its turn. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
