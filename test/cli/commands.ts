import { existsSync } from "node:fs";
import type { Command } from "../../src/cli/command.ts";
import { tapeline } from "./run-command.ts";

const folder = new URL("../../src/cli/commands/", import.meta.url);

/** A command by its name, from where docs/architecture.md puts it. */
async function load(name: string): Promise<Command> {
  const file = [`${name}.ts`, `${name}/${name}.ts`].map((path) => new URL(path, folder)).find((url) => existsSync(url));
  if (file === undefined) throw new Error(`the command ${name} has no file`);
  return (await import(file.href))[name];
}

/** What `tapeline --help` prints. */
export const mainHelp: string = (await tapeline(["--help"])).stdout;

/** All commands that it lists. */
export const commands: readonly Command[] = await Promise.all(
  [.../^Commands:\n((?: {2}.*\n)+)/m.exec(mainHelp)![1]!.matchAll(/^ {2}([\w-]+)/gm)].map(([, name]) => load(name!)),
);
