// Answers every line with itself in brackets, and never waits for its reader: what nobody takes stays in its memory.
import process from "node:process";
import { createInterface } from "node:readline";

for await (const line of createInterface({ input: process.stdin })) process.stdout.write(`[${line}]\n`);
