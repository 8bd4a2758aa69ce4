// Opens sinks as it is told on stdin, to test what several processes do to one another:
//
//   open PATH MODE [AT]   opens a sink, at that time (milliseconds since 1970), and prints `open`, or the code of the error
//   write TEXT            writes a line
//   close, abort          lets go; each of these prints `done`
import process from "node:process";
import { TapeError } from "../../../src/errors.ts";
import { fileSink } from "../../../src/sinks/file/file.ts";
import type { TapeSink } from "../../../src/streams/sink.ts";
import { linesOf } from "../child.ts";

let sink: TapeSink | undefined;

async function act(line: string): Promise<string> {
  const [verb, ...args] = line.split(" ");
  if (verb === "open") {
    const [path, mode, at = "0"] = args;
    while (Date.now() < Number(at)) { /* all who were told so begin at once */ }
    sink = fileSink(path!, { mode: mode as "append" | "create" });
    await sink.open();
    return "open";
  }
  if (verb === "write") await sink!.append([new TextEncoder().encode(`${args.join(" ")}\n`)]);
  else if (verb === "close") await sink!.close();
  else await sink!.abort();
  return "done";
}

console.log("ready");
for await (const line of linesOf(process.stdin)) {
  console.log(await act(line).catch((error) => error instanceof TapeError ? error.code : String(error)));
}
