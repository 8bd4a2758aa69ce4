import { closeSync, constants, openSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { devNull } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { systemFiles } from "../../../src/sinks/file/file-system.ts";
import { currentRuntime } from "../../helpers/runtime.ts";
import { inScratch } from "../../helpers/scratch.ts";

const { O_RDWR, O_APPEND, O_CREAT, O_EXCL, O_TRUNC } = constants;

for (
  const [how, flags] of [
    ["made", O_RDWR | O_CREAT | O_EXCL],
    ["appended to", O_RDWR | O_APPEND | O_CREAT],
    ["emptied", O_RDWR | O_CREAT | O_TRUNC],
  ] as const
) {
  test(`a file that is ${how} while the number 0 is free can be written`, async () => {
    if (currentRuntime() === "deno") {
      return console.log("skip: Deno closes its stdin once, and no file that took its place");
    }
    await inScratch(async (folder) => {
      const path = join(folder, "file");
      closeSync(0);
      try {
        const file = await systemFiles.open(path, flags, 0o600);
        await file.writeFile("written");
        assert.is((await file.stat()).size, 7);
        await file.close();
      } finally {
        const taken = openSync(devNull, "r");
        if (taken !== 0) closeSync(taken);
      }
      assert.is(await readFile(path, "utf8"), "written");
    });
  });
}

test.run();
