import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { fileStore } from "../../../../src/file.ts";
import { StreamingTapeWriter, type WriterOptions } from "../../../../src/mod.ts";
import { knownSecrets, leaks } from "../../../redact/secrets.ts";

/** A tape in a folder with every known secret: in a message, as a name in one, and in a log; one stands in its metadata. */
export async function putLeakyTape(
  folder: string,
  tapeId: string,
  options: Partial<WriterOptions> = {},
): Promise<string> {
  const transport = { type: "stdio", command: "x", args: ["--api-key", "s3cretS3cret1"] };
  const writer = await StreamingTapeWriter.create(fileStore(folder), {
    ...{ sessionId: "s", tapeId, metadata: { name: tapeId, transport }, createdAt: new Date("2026-03-01T10:00:00Z") },
    ...options,
  });
  let id = 0;
  for (const secret of Object.values(knownSecrets())) {
    const args = { text: secret, [secret]: { password: "s3cretS3cret1" } };
    await writer.writeFrame({
      message: { jsonrpc: "2.0", id: ++id, method: "tools/call", params: { name: "x", arguments: args } },
      direction: "client_to_server",
    });
    await writer.writeLog("stderr", `saw ${secret}`);
  }
  await writer.finalize();
  return join(folder, `${tapeId}.jsonl`);
}

/** No text has any of the secrets in it. */
export function assertNoSecrets(...texts: readonly string[]): void {
  for (const text of texts) {
    for (const [kind, secret] of Object.entries(knownSecrets())) assert.not(leaks(text, secret), kind);
    assert.not(text.includes("s3cretS3cret1"), "s3cretS3cret1");
  }
}

/** All that stands in a folder. */
export async function textsIn(folder: string): Promise<string[]> {
  const names = await readdir(folder);
  return await Promise.all(names.map((name) => readFile(join(folder, name), "utf8")));
}
