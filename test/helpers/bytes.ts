import { numbersFrom } from "./random.ts";

const encoder = new TextEncoder();

/** A text as UTF-8; a lone surrogate becomes U+FFFD. */
export function utf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/** A text whose characters, none above U+00FF, are the bytes. */
export function latin1(text: string): Uint8Array {
  return Uint8Array.from(text, (char) => char.charCodeAt(0));
}

/** The way back. */
export function latin1Text(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 4096) text += String.fromCharCode(...bytes.subarray(at, at + 4096));
  return text;
}

/** Bytes cut into chunks, and how, for the message of a failing test. */
export interface Chunking {
  readonly how: string;
  readonly chunks: Uint8Array[];
}

/** Chunks of `size` bytes. Each is a copy, so that no view reaches into its neighbour. */
export function inChunks(bytes: Uint8Array, size: number): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.slice(at, at + size));
  return chunks;
}

/**
 * The bytes in every chunking worth trying: whole, byte by byte, in two at every place, and at random, with empty chunks
 * in between.
 */
export function chunkings(bytes: Uint8Array, seed = 1): Chunking[] {
  const twos = Array.from({ length: Math.min(bytes.length, 500) }, (_, at) => ({
    how: `cut at ${at}`,
    chunks: [bytes.slice(0, at), bytes.slice(at)],
  }));
  return [
    { how: "whole", chunks: [bytes.slice()] },
    { how: "byte by byte", chunks: inChunks(bytes, 1) },
    ...twos,
    ...Array.from({ length: 20 }, (_, at) => randomChunking(bytes, seed + at)),
  ];
}

function randomChunking(bytes: Uint8Array, seed: number): Chunking {
  const random = numbersFrom(seed);
  const longest = 1 + random(Math.max(bytes.length, 1));
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < bytes.length;) {
    const chunk = bytes.slice(at, at + random(longest + 1));
    chunks.push(chunk);
    at += chunk.length;
  }
  return { how: `random cuts, seed ${seed}`, chunks };
}
