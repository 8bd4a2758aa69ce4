// Writes a tape as it is told on stdin, to test what other processes see of it. Each command prints `done` at its end.
//
//   create FOLDER ID, resume FOLDER ID
//   frames FROM TO    requests with these ids, each waited for
//   burst FROM TO     the same, none waited for
//   forever           requests without end; prints the sequence number of each that is acknowledged
//   finalize, close
import process from "node:process";
import { fileStore } from "../../../src/stores/file.ts";
import { StreamingTapeWriter } from "../../../src/tape/write/writer.ts";
import { linesOf } from "../child.ts";
import { request } from "../tapes.ts";

let writer: StreamingTapeWriter | undefined;

async function act(verb: string, first = "", second = ""): Promise<void> {
  switch (verb) {
    case "create":
      writer = await StreamingTapeWriter.create(fileStore(first), { sessionId: "child", tapeId: second });
      break;
    case "resume":
      writer = await StreamingTapeWriter.resume(fileStore(first), second);
      break;
    case "frames":
      for (let id = Number(first); id < Number(second); id++) await writer!.writeFrame(request(id));
      break;
    case "burst":
      await Promise.all(
        Array.from(
          { length: Number(second) - Number(first) },
          (_, at) => writer!.writeFrame(request(Number(first) + at)),
        ),
      );
      break;
    case "forever":
      for (let id = 0;; id++) {
        const text = "x".repeat(id * 7919 % 20_000);
        writer!.writeFrame(request(id, text)).then((seq) => process.stdout.write(`${seq}\n`));
        if (id % 5 === 0) await writer!.ready.then(() => new Promise((resolve) => setTimeout(resolve)));
      }
    case "finalize":
      await writer!.finalize();
      break;
    case "close":
      await writer!.close();
  }
}

console.log("ready");
for await (const line of linesOf(process.stdin)) {
  const [verb, ...args] = line.split(" ");
  await act(verb!, ...args);
  console.log("done");
}
