import { readdirSync } from "node:fs";
import { basename } from "node:path";
import type { Command } from "../../src/cli/command.ts";
import { tapeline } from "./run-command.ts";

const folder = new URL("../../src/cli/commands/", import.meta.url);

const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).map((path) => path.replaceAll("\\", "/"));

/** A command by its name: its file is called as it is, and stands alone or in a folder with others. */
async function load(name: string): Promise<Command> {
  const file = files.find((path) => basename(path) === `${name}.ts`);
  if (file === undefined) throw new Error(`the command ${name} has no file`);
  return (await import(new URL(file, folder).href))[name];
}

/** What `tapeline --help` prints. */
export const mainHelp: string = (await tapeline(["--help"])).stdout;

/** All commands that it lists. */
export const commands: readonly Command[] = await Promise.all(
  [.../^Commands:\n((?: {2}.*\n)+)/m.exec(mainHelp)![1]!.matchAll(/^ {2}([\w-]+)/gm)].map(([, name]) => load(name!)),
);
