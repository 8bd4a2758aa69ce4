/** The hand loop as a program: reads the tapes that its arguments name. */
import process from "node:process";
import { handLoop } from "../rivals/hand-loop.ts";

console.log(process.argv.slice(2).reduce((frames, path) => frames + handLoop(path), 0));
