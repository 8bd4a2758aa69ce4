import fc from "fast-check";
import { SEED } from "./seed.ts";

// What is exported is fast-check itself, with the seed of the tests. A failure says which one that was.
fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: SEED });
export default fc;
