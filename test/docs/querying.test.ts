import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { tapeline } from "../cli/run-command.ts";
import { putTape } from "../cli/sample-tape.ts";
import { inScratch } from "../helpers/scratch.ts";
import { parseQuery } from "../../src/query/query.ts";
import { sessionTape } from "../query/session.ts";

const file = new URL("../../docs/querying.md", import.meta.url);
const page = await readFile(file, "utf8");
/** A command, and what it prints. */
const CONSOLE = /```console\n\$ tapeline (.*)\n([^]*?)```/g;

/** The words of a command line, of which some are quoted. */
function wordsOf(line: string): string[] {
  return Array.from(line.matchAll(/'([^']*)'|(\S+)/g), ([, quoted, plain]) => quoted ?? plain!);
}

// TAPELINE_UPDATE_DOCS=1 writes what the commands print into the page.
test("docs/querying.md shows what its commands print", () =>
  inScratch(async (folder) => {
    const dir = join(folder, "tapes");
    await putTape(dir, "weather", await sessionTape());
    const outputs = new Map<string, string>();
    for (const [, line = ""] of page.matchAll(CONSOLE)) {
      const { stdout, stderr } = await tapeline(wordsOf(line), { cwd: folder });
      // How long ago that was depends on when one asks, and the ids of parts on when they were made.
      let part = 0;
      const told = `${stdout}${stderr}`.replace(/, \d+ \w+ ago$/m, "").replace(/\d+ d ago/g, "270 d ago");
      outputs.set(line, told.replace(/\b01[0-9A-Z]{23}(?=[0-9A-Z]\.)./g, () => `01M8CK88S74Z53DQXRBMMCXHH${++part}`));
    }
    assert.ok(outputs.size >= 6, "the page has commands");
    const told = page.replace(CONSOLE, (_, line: string) =>
      `\`\`\`console\n$ tapeline ${line}\n${outputs.get(line)}\`\`\``);
    if (process.env.TAPELINE_UPDATE_DOCS) {
      await writeFile(file, told);
    } else assert.is(page, told);
  }));

test("every query in docs/querying.md can be read", () => {
  const table = /\| term[^]*?\n\n/.exec(page)![0];
  const queries = Array.from(table.matchAll(/^\| ((?:`[^`]+`(?:, )?)+)/gm), ([, terms]) => terms!.split(/`, `|`/))
    .flat().filter((text) => text !== "");
  assert.ok(queries.length > 20, String(queries.length));
  for (const query of queries) assert.equal(parseQuery(String(parseQuery(query))), parseQuery(query), query);
});

test.run();
