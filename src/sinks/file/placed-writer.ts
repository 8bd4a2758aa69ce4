import type { FileHandle } from "./file-handle.ts";

/** Writes bytes to an open file. */
export interface PlacedWriter {
  /** Writes from `at` on and tells how many bytes it was: on a full disk fewer than were given. */
  writeAt(bytes: Uint8Array, at: number): Promise<number>;
  close(): void;
}

interface DenoFile {
  stat(): Promise<{ readonly dev: number; readonly ino: number | null }>;
  seek(offset: number, whence: 0): Promise<number>;
  write(bytes: Uint8Array): Promise<number>;
  close(): void;
}

const { Deno } = globalThis as {
  Deno?: { open(path: string, options: { write: boolean; append: boolean }): Promise<DenoFile> };
};

/**
 * A writer for an open file. On Deno `node:fs` writes while everything else in the process waits, however slow the disk
 * is; Deno's own files do not, so there the file is opened a second time.
 *
 * @param isAppending the file was opened with `O_APPEND`: the system writes at its end, wherever that is by then, so that
 * what others did to it makes no hole and is not written over
 */
export async function placedWriter(path: string, file: FileHandle, isAppending: boolean): Promise<PlacedWriter> {
  if (Deno === undefined) {
    return {
      writeAt: async (bytes, at) => (await file.write(bytes, 0, bytes.length, isAppending ? null : at)).bytesWritten,
      close() {},
    };
  }
  const own = await Deno.open(path, { write: !isAppending, append: isAppending });
  const [mine, its] = await Promise.all([own.stat(), file.stat()]);
  if (mine.dev !== its.dev || mine.ino !== its.ino) {
    own.close();
    throw new Error("the file was replaced just now");
  }
  let position: number | undefined;
  return {
    async writeAt(bytes, at) {
      if (!isAppending && position !== at) await own.seek(at, 0);
      position = undefined;
      const count = await own.write(bytes);
      position = at + count;
      return count;
    },
    close: () => own.close(),
  };
}
