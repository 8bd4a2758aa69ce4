import type { Style } from "./text.ts";

/** Sets the headings of a help text in bold: lines that start at the margin and end with a colon. */
export function paintHelp(help: string, style: Style): string {
  return help.replace(/^[A-Z][^\n]*:$/gm, style.bold);
}
