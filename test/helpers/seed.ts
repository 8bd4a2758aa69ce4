import process from "node:process";

const { TAPELINE_SEED: text = "2026" } = process.env;

/**
 * What chance in the tests begins with: one number, so that a commit passes or fails wherever it is tested. `TAPELINE_SEED=random` takes
 * another one each time, which finds more, and `TAPELINE_SEED=N` that of a failure.
 */
export const SEED: number = text === "random" ? Math.floor(Math.random() * 2 ** 31) : Number(text);

if (!Number.isSafeInteger(SEED)) throw new Error(`TAPELINE_SEED must be an integer or "random", not "${text}"`);
