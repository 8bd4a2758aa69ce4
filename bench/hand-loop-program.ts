/** The hand loop as a program: reads the tape that its argument names. */
import process from "node:process";
import { handLoop } from "./hand-loop.ts";

console.log(handLoop(process.argv[2]!));
