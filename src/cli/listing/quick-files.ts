import { readFileSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { type FileSystem, systemFiles } from "../../sinks/file/file-system.ts";

/** So often somebody else may have a turn, such as Ctrl-C. */
const TURN = 64;

/**
 * The files of this machine, for a command that reads thousands of small ones and has nothing else to do meanwhile: a call that
 * waits takes a fifth of one that goes through the threads of the runtime.
 */
export function quickFiles(): FileSystem {
  let calls = 0;
  return {
    ...systemFiles,
    async readFile(path, options) {
      if (options !== undefined) return await systemFiles.readFile(path, options);
      const bytes = readFileSync(path);
      if (++calls % TURN === 0) await setImmediate();
      return bytes;
    },
  };
}
