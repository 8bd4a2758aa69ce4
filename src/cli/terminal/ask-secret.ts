import { Buffer } from "node:buffer";
import { closeSync, constants, openSync, writeSync } from "node:fs";
import process from "node:process";
import { StringDecoder } from "node:string_decoder";
import { ReadStream } from "node:tty";

/** Nobody types a longer one. */
const MAX_LENGTH = 4096;
const ENTER = /[\r\n]/;
const CTRL_C = "\u0003";
const CTRL_D = "\u0004";
const CTRL_U = "\u0015";
const BACKSPACE: ReadonlySet<string> = new Set(["\u0008", "\u007f"]);

/**
 * What somebody types at the terminal of this process, who does not see it: where stdin and stdout are, does not matter. The terminal is put
 * right again, whatever happens.
 *
 * @returns undefined where there is no terminal
 * @throws why the signal was aborted
 */
export async function askSecret(question: string, signal: AbortSignal): Promise<string | undefined> {
  const terminal = openTerminal();
  if (terminal === undefined) return undefined;
  const { keys, write, close } = terminal;
  try {
    keys.setRawMode(true);
    write(question);
    return await typed(keys, signal);
  } finally {
    keys.setRawMode(false);
    keys.destroy();
    write("\n");
    close();
  }
}

interface Terminal {
  readonly keys: ReadStream;
  write(text: string): void;
  close(): void;
}

function openTerminal(): Terminal | undefined {
  try {
    if (process.platform === "win32") {
      const keys = process.stdin as ReadStream;
      return keys.isTTY ? { keys, write: (text) => void process.stderr.write(text), close() {} } : undefined;
    }
    const keys = new ReadStream(openSync("/dev/tty", constants.O_RDWR | constants.O_NOCTTY));
    // By itself: the stream closes its own when it is done.
    const screen = openSync("/dev/tty", constants.O_WRONLY | constants.O_NOCTTY);
    return { keys, write: (text) => void writeSync(screen, text), close: () => closeSync(screen) };
  } catch {
    return undefined;
  }
}

/** One line, as keys are pressed. */
async function typed(keys: ReadStream, signal: AbortSignal): Promise<string> {
  const decoder = new StringDecoder("utf8");
  let line: string[] = [];
  return await new Promise<string>((resolve, reject) => {
    const stop = () => reject(signal.reason);
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
    keys.on("error", reject);
    keys.on("end", () => resolve(line.join("")));
    keys.on("data", (chunk: Uint8Array) => {
      for (const key of decoder.write(Buffer.from(chunk))) {
        if (ENTER.test(key) || key === CTRL_D && line.length === 0) return resolve(line.join(""));
        // The terminal does not make a signal of it now, so we do.
        if (key === CTRL_C) process.kill(process.pid, "SIGINT");
        else if (key === CTRL_U) line = [];
        else if (BACKSPACE.has(key)) line.pop();
        else if (key >= " " && line.length < MAX_LENGTH) line.push(key);
      }
    });
  });
}
