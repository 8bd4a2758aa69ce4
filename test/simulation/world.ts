import { setImmediate } from "node:timers";
import { numbersFrom } from "../helpers/random.ts";
import { Disk } from "./disk.ts";

/** What can go wrong; each happens so often in a thousand calls. */
export interface FaultRates {
  readonly write: number;
  readonly sync: number;
  readonly open: number;
  readonly rename: number;
  readonly truncate: number;
  readonly other: number;
}

export const NO_FAULTS: FaultRates = { write: 0, sync: 0, open: 0, rename: 0, truncate: 0, other: 0 };

/** A process of the simulated world. What it asked for when it is killed may still happen; it never learns of it. */
export interface Process {
  readonly pid: number;
  isAlive: boolean;
}

/** A call that is under way: it takes effect at some time, and its caller learns of it at some later time. */
interface Call {
  readonly process: Process;
  /** Takes effect, and gives what is to be told to the caller. */
  readonly happen: () => () => void;
  tell: (() => void) | undefined;
}

interface Timer {
  readonly process: Process;
  readonly everyMs: number | undefined;
  readonly fire: () => void;
  at: number;
}

const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** So many turns of its microtasks the program gets before something happens outside. */
const TICKS = 6;
const MOST_STEPS = 20_000;

/**
 * The world that a schedule runs in: a disk, a clock, processes, and the calls that are under way. Which of them happens
 * next the seed says, so the same seed makes the same schedule.
 */
export class World {
  readonly random: (below: number) => number;
  readonly disk: Disk = new Disk();
  faults: FaultRates = NO_FAULTS;
  /** On a full disk writes fail after a part is written, as on Deno; or they say how much it was, as on Node and Bun. */
  readonly isFailingLate: boolean;
  readonly isReadingShort: boolean;
  readonly hasWatches: boolean;
  /** Milliseconds since 1970. */
  now: number = Date.UTC(2026, 2, 1);
  steps = 0;
  /** What was seen that must never be so, by somebody who cannot throw it. */
  violation: Error | undefined;
  /** What happens at which step. */
  readonly #plans: { readonly step: number; readonly happen: () => void }[] = [];
  #calls: Call[] = [];
  #timers: Timer[] = [];
  #outside = 0;
  readonly #processes: Process[] = [];

  constructor(seed: number) {
    this.random = numbersFrom(seed);
    this.isFailingLate = this.random(2) === 0;
    this.isReadingShort = this.random(4) === 0;
    this.hasWatches = this.random(4) > 0;
  }

  /** Is told what happens, where somebody wants to know. */
  onTrace: ((line: string) => void) | undefined;

  trace(line: () => string): void {
    this.onTrace?.(`${this.steps} ${line()}`);
  }

  /** Whether something happens that happens so often in a thousand times. */
  happens(perMille: number): boolean {
    return perMille > 0 && this.random(1000) < perMille;
  }

  startProcess(): Process {
    const process: Process = { pid: this.#processes.length + 1, isAlive: true };
    this.#processes.push(process);
    return process;
  }

  isAlive(pid: number): boolean {
    return this.#processes[pid - 1]?.isAlive ?? false;
  }

  /** Ends a process: of what it asked for a part still happens. */
  kill(process: Process): void {
    this.trace(() => `${process.pid} is killed`);
    process.isAlive = false;
    for (const call of this.#calls) {
      if (call.process === process && call.tell === undefined && this.random(2) === 0) call.happen();
    }
    this.#calls = this.#calls.filter((call) => call.process !== process);
    this.#timers = this.#timers.filter((timer) => timer.process !== process);
  }

  /** Ends all processes, and loses what the disk does not have. */
  losePower(): void {
    for (const process of this.#processes) if (process.isAlive) this.kill(process);
    this.trace(() => "the power is lost");
    this.disk.losePower(this.random);
  }

  /** A call of a process: `happen` does it at some time from now on. */
  call<T>(process: Process, happen: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      if (!process.isAlive) return;
      this.#calls.push({
        process,
        tell: undefined,
        happen() {
          try {
            const result = happen();
            return () => resolve(result);
          } catch (error) {
            return () => reject(error);
          }
        },
      });
    });
  }

  /** Something that is not of this world, such as work of a thread: until it is done nothing happens here, so that schedules stay the same. */
  async outside<T>(work: Promise<T>): Promise<T> {
    this.#outside++;
    try {
      return await work;
    } finally {
      // Also what was done at once takes a turn, so that it is the same each time.
      await nextTurn();
      this.#outside--;
    }
  }

  /** Lets other things happen meanwhile. */
  pause(process: Process): Promise<void> {
    return this.call(process, () => {});
  }

  /** Calls `fire` after a time, again and again if so asked; the answer stops it. */
  after(process: Process, ms: number, fire: () => void, isRepeated = false): () => void {
    if (!process.isAlive) return () => {};
    const timer: Timer = { process, at: this.now + ms, everyMs: isRepeated ? ms : undefined, fire };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** Something happens after so many steps from now. */
  plan(inSteps: number, happen: () => void): void {
    this.#plans.push({ step: this.steps + inSteps, happen });
  }

  /** What was planned does not happen. */
  dropPlans(): void {
    this.#plans.length = 0;
  }

  /** Lets the world go on until `promise` is settled. */
  async run<T>(promise: Promise<T>): Promise<T> {
    let isSettled = false;
    const settled = () => isSettled = true;
    promise.then(settled, settled);
    while (!isSettled) {
      for (let tick = 0; tick < TICKS; tick++) await undefined;
      if (this.violation !== undefined) throw this.violation;
      if (isSettled) break;
      if (this.#outside > 0) {
        await this.#comeBack();
        continue;
      }
      if (++this.steps > MOST_STEPS) throw new Error(`nothing came to an end in ${MOST_STEPS} steps`);
      this.#carryOutPlans();
      if (this.#calls.length > 0) this.#step();
      else await this.#idle(() => isSettled);
    }
    return await promise;
  }

  /** Waits for what is outside, and until whoever asked for it has come as far as he can. */
  async #comeBack(): Promise<void> {
    while (this.#outside > 0) await nextTurn();
    await nextTurn();
  }

  #carryOutPlans(): void {
    for (let at = 0; at < this.#plans.length;) {
      if (this.#plans[at]!.step > this.steps) at++;
      else this.#plans.splice(at, 1)[0]!.happen();
    }
  }

  #step(): void {
    if (this.random(8) === 0) this.#passTime(this.random(40));
    const at = this.random(this.#calls.length);
    const call = this.#calls[at];
    if (call === undefined) return;
    if (call.tell === undefined) {
      call.tell = call.happen();
      if (this.random(3) === 0) return;
    }
    this.#calls.splice(at, 1);
    call.tell();
  }

  /** Nobody has asked for anything: the program may only not have come so far yet, or it waits for a time. */
  async #idle(isOver: () => boolean): Promise<void> {
    for (let turn = 0; turn < 3; turn++) {
      for (let tick = 0; tick < 30; tick++) await undefined;
      if (this.#calls.length + this.#outside > 0 || isOver()) return;
      await nextTurn();
      if (this.#calls.length + this.#outside > 0 || isOver()) return;
    }
    const next = this.#timers.reduce((first, timer) => Math.min(first, timer.at), Infinity);
    if (next === Infinity) {
      if (this.#plans.length === 0) throw new Error("everybody waits, and nothing is under way");
      this.steps = Math.min(...this.#plans.map(({ step }) => step));
      return;
    }
    this.#passTime(next - this.now);
  }

  #passTime(ms: number): void {
    this.now += ms;
    for (const timer of [...this.#timers]) {
      if (timer.at > this.now || !this.#timers.includes(timer)) continue;
      if (timer.everyMs === undefined) this.#timers.splice(this.#timers.indexOf(timer), 1);
      else timer.at = this.now + timer.everyMs;
      timer.fire();
    }
  }
}
