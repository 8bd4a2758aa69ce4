/** Values below this have a bucket each; from here on every power of two is cut into half as many buckets. */
const EXACT = 64;
const HALF = EXACT / 2;
const BUCKETS = EXACT + (53 - 6) * HALF;

/** The bucket of a non-negative safe integer. */
function bucketOf(value: number): number {
  if (value < EXACT) return value;
  if (value < 2 ** 31) {
    const shift = 26 - Math.clz32(value);
    return HALF * shift + (value >>> shift);
  }
  const exponent = value < 2 ** 32 ? 31 - Math.clz32(value) : 63 - Math.clz32(value / 2 ** 32);
  return EXACT + (exponent - 6) * HALF + Math.floor(value / 2 ** (exponent - 5)) - HALF;
}

/** The value in the middle of a bucket, so that it is off by half the bucket's width at most. */
function middleOf(bucket: number): number {
  if (bucket < EXACT) return bucket;
  const width = 2 ** (Math.floor((bucket - EXACT) / HALF) + 1);
  const start = (HALF + (bucket - EXACT) % HALF) * width;
  return start + (width - 1) / 2;
}

/**
 * Counts latencies in a fixed 12.5 KB, however many there are, and tells quantiles with a relative error of at most
 * 1/64 (1.6 %). Smallest, largest and mean are exact. The buckets are those of HDR Histogram: linear up to 64, then 32
 * for each power of two.
 *
 * @example
 * ```ts
 * const histogram = new LatencyHistogram();
 * for (const us of [900, 1000, 1100, 250_000]) histogram.record(us);
 * histogram.quantile(0.5); // about 1000
 * histogram.max; // 250000
 * ```
 */
export class LatencyHistogram {
  #buckets: Float64Array = new Float64Array(BUCKETS);
  #count = 0;
  #sum = 0;
  #min = Infinity;
  #max = 0;

  /**
   * Counts one latency.
   *
   * @param us microseconds; rounded to an integer, anything that is not a number from 0 to 2^53 - 1 is not counted
   */
  record(us: number): void {
    const value = Math.round(us) + 0; // -0 becomes 0
    if (!(value >= 0 && value <= Number.MAX_SAFE_INTEGER)) return;
    const bucket = bucketOf(value);
    this.#buckets[bucket] = this.#buckets[bucket]! + 1;
    this.#count++;
    this.#sum += value;
    if (value < this.#min) this.#min = value;
    if (value > this.#max) this.#max = value;
  }

  /** Bytes that the buckets take, the same from the first latency to the last. */
  get byteLength(): number {
    return this.#buckets.byteLength;
  }

  /** How many latencies were counted. */
  get count(): number {
    return this.#count;
  }

  /** The smallest in microseconds, null if there is none yet. */
  get min(): number | null {
    return this.#count === 0 ? null : this.#min;
  }

  /** The largest in microseconds, null if there is none yet. */
  get max(): number | null {
    return this.#count === 0 ? null : this.#max;
  }

  /** The arithmetic mean in microseconds, null if there is none yet. */
  get mean(): number | null {
    return this.#count === 0 ? null : this.#sum / this.#count;
  }

  /**
   * The latency in microseconds that the given share of all does not exceed (nearest rank), null if there is none yet.
   *
   * @param share 0 to 1, so 0.95 for the 95th percentile
   */
  quantile(share: number): number | null {
    if (this.#count === 0) return null;
    const rank = Math.min(Math.max(Math.ceil(share * this.#count), 1), this.#count);
    // The ends are known exactly, and the middle of the last bucket could lie beyond them.
    if (rank === 1) return this.#min;
    if (rank === this.#count) return this.#max;
    let seen = 0;
    for (let bucket = bucketOf(this.#min); bucket < BUCKETS; bucket++) {
      seen += this.#buckets[bucket]!;
      if (seen >= rank) return Math.min(Math.max(middleOf(bucket), this.#min), this.#max);
    }
    return this.#max;
  }
}
