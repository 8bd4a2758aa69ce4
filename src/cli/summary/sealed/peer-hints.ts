import type { BlockSearch } from "../../../bytes/block-search.ts";
import type { Peers } from "../../../records/messages/peers.ts";

/** The ends of the names under which peers introduce themselves, from a letter on that is rare and so quick to find. */
const INFO = 'Info"';
const VERSION = 'Version"';
/** A name may be spelled with escapes. */
const ESCAPE = "\\u00";

/**
 * Tells which lines may say who talks, so that no other is parsed for it. Once all that {@linkcode Peers} wants to know is
 * known, none does.
 */
export class PeerHints {
  readonly #peers: Peers;
  #search: BlockSearch | undefined;
  /** Where the next of the words stands in the block; none of them does where it is infinite. */
  #next = Infinity;

  constructor(peers: Peers) {
    this.#peers = peers;
  }

  /** Goes on to the next block. */
  block(search: BlockSearch): void {
    this.#search = search;
    this.#next = this.#find(0);
  }

  /** Whether one is on the line that ends at `end`. The lines are asked about in their order. */
  isBefore(end: number): boolean {
    if (this.#next > end) return false;
    this.#next = this.#find(end);
    return true;
  }

  #find(from: number): number {
    const { client, server, protocolVersion } = this.#peers;
    const isWanted = [client === undefined || server === undefined, protocolVersion === undefined];
    if (!isWanted.includes(true)) return Infinity;
    const words = [INFO, VERSION].filter((_, at) => isWanted[at]);
    const found = [...words, ESCAPE].map((word) => this.#search!.word(word, from)).filter((at) => at >= 0);
    return Math.min(...found);
  }
}
