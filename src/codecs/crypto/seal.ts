/** What a checkpoint of a sealed tape says beside its frames. */
export interface CheckpointSeal {
  /** The epoch, 22 characters of base64url. */
  readonly epoch: string;
  /** The number in it, one of those that lines get too. */
  readonly n: number;
  /** The base64 of the sealed content. */
  readonly data: string;
}

const EPOCH = /^[\w-]{21}[AQgw]$/;

/** The content is the zstd frame of a line, without its magic number. */
export const ALONE = "zstd";
/** The same, made with the dictionary of the tape. */
export const WITH_DICTIONARY = "zstd-d";

/** The seal of a checkpoint, if it has one. */
export function sealOf(seal: unknown): CheckpointSeal | undefined {
  if (typeof seal !== "object" || seal === null) return undefined;
  const { epoch, n, data } = seal as Record<string, unknown>;
  const isSeal = typeof epoch === "string" && EPOCH.test(epoch) && Number.isSafeInteger(n) && n as number >= 0 &&
    typeof data === "string";
  return isSeal ? { epoch, n: n as number, data } : undefined;
}
