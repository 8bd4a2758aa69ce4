import fc from "fast-check";
import { SEED } from "./seed.ts";

let asked = 0;

// What is exported is fast-check itself. Each property of a file has a seed of its own, which follows from that of the tests; a failure says
// which one that was.
fc.configureGlobal({
  get seed() {
    return SEED + asked++;
  },
});
export default fc;
