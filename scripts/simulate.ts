/**
 * `npm run simulate`: schedules of writes, crashes, power losses, full disks and failing calls in a simulated world, one
 * seed after the other, until one fails or the time is over.
 */
import process from "node:process";
import { parseArgs } from "node:util";
import { simulate } from "../test/simulation/simulate.ts";

const HELP = `Usage: npm run simulate -- [options]

Runs schedules of writers, crashes, power losses, full disks, failing calls, readers
and followers in a simulated world, and checks that every promise is kept.

  --seconds N   run for so long (default 60)
  --from N      start with this seed (default: a random one)
  --seed N      run the schedule of this one seed, and print what happens in it
  --help        print this

It ends with exit code 1 at the first seed that fails, and says how to see it again.`;

const PROGRESS_MS = 5000;

function numberOf(name: string, text: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 0) {
    throw new Error(`Cannot use --${name} ${text}: it is no whole number`);
  }
  return number;
}

async function run(seconds: number, from: number): Promise<void> {
  const start = performance.now();
  const end = start + seconds * 1000;
  let nextReport = start + PROGRESS_MS;
  let seed = from;
  let steps = 0;
  const report = () => {
    const elapsed = (performance.now() - start) / 1000;
    const perMinute = Math.round((seed - from) / elapsed * 60);
    console.log(`${seed - from} schedules from seed ${from} on, ${steps} steps, ${perMinute} schedules a minute`);
  };
  for (; performance.now() < end; seed++) {
    steps += (await simulate(seed)).steps;
    if (performance.now() < nextReport) continue;
    nextReport += PROGRESS_MS;
    report();
  }
  report();
}

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "60" },
    from: { type: "string" },
    seed: { type: "string" },
    help: { type: "boolean" },
  },
});
try {
  if (values.help) console.log(HELP);
  else if (values.seed !== undefined) {
    const { steps } = await simulate(numberOf("seed", values.seed), (line) => console.log(line));
    console.log(`seed ${values.seed}: all is as it should be after ${steps} steps`);
  } else {
    const from = values.from === undefined ? Math.floor(Math.random() * 2 ** 31) : numberOf("from", values.from);
    await run(numberOf("seconds", values.seconds), from);
  }
} catch (error) {
  console.error(error);
  process.exitCode = 1;
}
