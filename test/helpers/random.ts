// The suite that is published needs them too, so they live there.
export * from "../../src/testing/random.ts";
