import { readFile } from "node:fs/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { VERSION } from "../src/version.ts";

test("VERSION is that of package.json and deno.json", async () => {
  for (const file of ["package.json", "deno.json"]) {
    const { version } = JSON.parse(await readFile(new URL(`../${file}`, import.meta.url), "utf8"));
    assert.is(version, VERSION, file);
  }
});

test.run();
