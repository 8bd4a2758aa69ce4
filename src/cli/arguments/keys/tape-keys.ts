import { Buffer } from "node:buffer";
import type { OpenWith } from "../../../codecs/crypto/keys/age.ts";
import { isTapeError } from "../../../errors.ts";
import { type LineKeys, lockedDecoder, withKeys } from "../../../stores/decoding.ts";
import type { TapeStore } from "../../../stores/store.ts";
import { type CommandIo, UsageError } from "../../command.ts";
import { escapeControls } from "../../terminal/text.ts";

/**
 * What becomes of an encrypted tape where no key was given: `refuse`, it is wrong use; `tell`, what it tells in plain is read, and stderr says so;
 * `show`, the same also where none of the keys opens it, as a folder may hold tapes of others.
 */
export type Locked = "refuse" | "tell" | "show";

/** What opens an encrypted tape, for people. */
export const OPENERS = "--identity FILE or --passphrase";

/** The keys that somebody has given for the tapes that a command reads. They are loaded when one of these is encrypted. */
export class TapeKeys {
  readonly #load: (() => Promise<OpenWith>) | undefined;
  readonly #io: Pick<CommandIo, "stderr">;
  readonly #locked: Locked;
  #loaded: Promise<OpenWith> | undefined;
  #keys: Promise<LineKeys> | undefined;

  /** @param load reads the keys; undefined where none were given */
  constructor(load: (() => Promise<OpenWith>) | undefined, io: Pick<CommandIo, "stderr">, locked: Locked) {
    this.#load = load;
    this.#io = io;
    this.#locked = locked;
  }

  /** The store of one tape, for who has these keys. */
  unlock(store: TapeStore, path: string): TapeStore {
    const name = escapeControls(path);
    let isTold = false;
    const locked = async (why: string) => {
      if (!isTold) await this.#io.stderr.write(`tapeline: ${name} is encrypted${why}\n`);
      isTold = true;
      return lockedDecoder;
    };
    return this.#view(store, async (init, inner) => {
      const keys = await this.#lineKeys();
      if (keys === undefined) {
        const hint = `; ${OPENERS} opens it`;
        if (this.#locked === "refuse") throw new UsageError(`Cannot read ${name}: it is encrypted${hint}`);
        return await locked(hint);
      }
      try {
        return await keys.decoderOf(init, inner);
      } catch (error) {
        if (!isTapeError(error)) throw error;
        const why = error.message.replace(/^Cannot decrypt tape .*?: /, "");
        if (this.#locked === "show") return await locked(`: ${why}`);
        error.message = `Cannot decrypt ${name}: ${why}`;
        throw error;
      }
    });
  }

  /** The store of many tapes: those that the keys open are read with them, and the others as they are. */
  unlockAll(store: TapeStore): TapeStore {
    return this.#view(store, async (init, inner) => {
      const keys = await this.#lineKeys();
      try {
        return await keys?.decoderOf(init, inner) ?? lockedDecoder;
      } catch (error) {
        if (isTapeError(error)) return lockedDecoder;
        throw error;
      }
    });
  }

  /**
   * Says what was wrong with the keys to who has read no more than metadata, which do without.
   *
   * @throws {UsageError} they are needed, and cannot be read
   */
  async check(): Promise<void> {
    await this.#keys;
  }

  /** The keys themselves; undefined where none were given. */
  async given(): Promise<OpenWith | undefined> {
    return this.#load && await this.#texts(this.#load);
  }

  /** Read once: somebody may have to be asked. */
  #texts(load: () => Promise<OpenWith>): Promise<OpenWith> {
    return this.#loaded ??= load();
  }

  #view(store: TapeStore, decoderOf: LineKeys["decoderOf"]): TapeStore {
    return withKeys(store, {
      decoderOf,
      openMetadata: async (bytes) => {
        // Not loaded for those of plain tapes.
        return tells(bytes, "sealed") ? await (await this.#lineKeys())?.openMetadata(bytes) ?? bytes : bytes;
      },
      sealMetadata: async (bytes) => {
        return tells(bytes, "encryption") ? await (await this.#lineKeys())?.sealMetadata(bytes) ?? bytes : bytes;
      },
    });
  }

  async #lineKeys(): Promise<LineKeys | undefined> {
    if (this.#load === undefined) return undefined;
    this.#keys ??= this.#texts(this.#load).then(async (keys) => {
      const [{ lineKeys }, { loadAge }] = await Promise.all([
        import("../../../stores/unlock.ts"),
        import("../../../codecs/crypto/keys/age.ts"),
      ]);
      // That it is not installed must not look as if no key fitted.
      await loadAge();
      return lineKeys(keys);
    });
    return await this.#keys;
  }
}

function tells({ buffer, byteOffset, length }: Uint8Array, member: string): boolean {
  return Buffer.from(buffer, byteOffset, length).includes(`"${member}"`);
}

/** For commands that take tapes as they are. */
export const NO_KEYS: TapeKeys = new TapeKeys(undefined, { stderr: { write: () => Promise.resolve() } }, "tell");
