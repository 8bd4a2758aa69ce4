import { isTapeError } from "../../src/errors.ts";
import type { Durability } from "../../src/tape/write/commit/group-commit.ts";
import type { Finding } from "../../src/tape/verify/verify-finding.ts";
import { verifyTape } from "../../src/tape/verify/verify.ts";
import { SimulatedCoding } from "./coding.ts";
import { withTimeOf } from "./fake-time.ts";
import { FOLDER, simulatedStore } from "./files.ts";
import { Life } from "./life.ts";
import { Damage, Model, Violation } from "./model.ts";
import { Observer } from "./observers.ts";
import { NO_FAULTS, type Process, World } from "./world.ts";

const TAPE_ID = "tape";
const DURABILITIES: readonly Durability[] = ["buffered", "flushed", "synced"];

/** One schedule: some lives of a writer, with whatever happens between and during them, and those who watch. */
export class Schedule {
  readonly world: World;
  readonly #model: Model;
  readonly #observers: Observer[] = [];
  #writer: Process;
  #numbers = 0;
  #isNew = true;
  #ending: (() => void) | undefined;

  constructor(seed: number) {
    this.world = new World(seed);
    this.#model = new Model(this.world, `${FOLDER}/${TAPE_ID}.jsonl`, new SimulatedCoding(this.world, seed));
    this.#writer = this.world.startProcess();
  }

  /** Runs it to its end. Fails where something is as it must not be. */
  async run(): Promise<void> {
    await withTimeOf(this.world, () => this.#writer, async () => {
      try {
        await this.#live();
        await this.#finish();
      } catch (error) {
        if (!(error instanceof Damage)) throw error;
      }
    });
  }

  async #live(): Promise<void> {
    this.#makeTrouble();
    const { random } = this.world;
    for (let left = random(4) === 0 ? 2 : 1; left > 0; left--) {
      await this.#life(["finalize", "close", "crash", "crash"][random(4)] as "crash");
      if (random(4) === 0) this.#losePower();
    }
  }

  /** Says what will go wrong. */
  #makeTrouble(): void {
    const { random } = this.world;
    const rate = () => [0, 0, 0, 20, 60, 200][random(6)]!;
    if (random(3) > 0) {
      this.world.faults = {
        write: rate(),
        sync: rate(),
        open: Math.min(rate(), 20),
        rename: rate(),
        truncate: rate(),
        other: Math.min(rate(), 20),
      };
    }
    if (random(3) === 0) {
      this.world.disk.capacity = 500 + random(4000);
      this.world.plan(50 + random(200), () => this.world.disk.capacity = Infinity);
    }
    for (let left = [0, 0, 0, 1, 1, 2][random(6)]!; left > 0; left--) {
      this.world.plan(random(100), () => {
        this.#observers.push(new Observer(this.#model, TAPE_ID, random(3) === 0 ? "reader" : "follower"));
      });
    }
    if (random(2) === 0) {
      this.world.plan(random(150), () => {
        if (random(2) === 0) this.world.kill(this.#writer);
        else this.#losePower();
        this.#ending?.();
      });
    }
  }

  #losePower(): void {
    this.world.losePower();
    this.#model.powerLost();
    this.#isNew &&= this.#model.content.length === 0;
  }

  /** One life of a writer, tried again where it could not open the tape. */
  async #life(end: "finalize" | "close" | "crash", onOpen?: () => void): Promise<void> {
    const durability = DURABILITIES[this.world.random(3)]!;
    for (let attempt = 1;; attempt++) {
      if (attempt > 2) this.#endTrouble();
      const life = new Life(this.#model, { tapeId: TAPE_ID, isNew: this.#isNew, durability, end, onOpen });
      this.#writer = life.process;
      const error = await this.#untilKilled(life.live(() => ++this.#numbers));
      await this.world.run(this.#model.prepare());
      const wasKilled = !life.process.isAlive;
      this.world.kill(life.process);
      this.#model.ended(wasKilled);
      if (error === undefined) break;
      if (attempt > 4) throw new Violation(`the tape cannot be opened any more: ${error.message}`, { cause: error });
      if (isTapeError(error, "tape_not_found") || isTapeError(error, "invalid_tape")) await this.#startOver(error);
      else if (isTapeError(error, "invalid_argument")) await this.#startOver(error);
      else if (!isTapeError(error, "io") && !isTapeError(error, "locked")) throw error;
      // A lock that was being written is taken over after a while.
      this.world.now += 6000;
    }
    this.#isNew = this.#model.content.length === 0;
    this.#model.check();
  }

  /** There is no tape to go on with: that may be so if nothing was promised. */
  async #startOver(error: Error): Promise<void> {
    if (this.#model.lines.length > 0 || this.#model.hasSynced) {
      // It is there: whoever wanted to make it has failed only after that.
      if (this.#isNew) return void (this.#isNew = false);
      throw new Violation(`a tape that is there was not opened: ${error.message}`, { cause: error });
    }
    const store = simulatedStore(this.world, this.world.startProcess(), false);
    await this.#untilKilled(store.delete(`${TAPE_ID}.jsonl`));
    this.#isNew = true;
  }

  /** Lets the world go on until `promise` is settled, or until those who work on it are killed as planned. */
  #untilKilled<T>(promise: Promise<T>): Promise<T | undefined> {
    const killed = new Promise<undefined>((resolve) => this.#ending = () => resolve(undefined));
    return this.world.run(Promise.race([promise, killed]));
  }

  #endTrouble(): void {
    this.world.faults = NO_FAULTS;
    this.world.disk.capacity = Infinity;
  }

  /** All is well again: the tape can be gone on with, whoever follows it comes to its end, and all of it lasts. */
  async #finish(): Promise<void> {
    this.#endTrouble();
    this.world.now += 6000;
    this.world.dropPlans();
    // Followers end where a tape is finalized, also when it is gone on with later.
    const wasFinal = this.#model.check().some((record) => record.type === "checkpoint" && record.final === true);
    let last: Observer | undefined;
    await this.#life("finalize", () => {
      if (this.world.random(3) > 0) return;
      last = new Observer(this.#model, TAPE_ID, "follower");
      this.#observers.push(last);
    });
    const lineCount = this.#model.lines.length;
    for (const observer of this.#observers) {
      if (observer.process.isAlive) await this.world.run(observer.done);
    }
    if (!wasFinal && last !== undefined && last.lineCount !== lineCount) {
      throw new Violation(`a follower ended with ${last.lineCount} of ${lineCount} lines`);
    }
    await this.#verify();
    if (this.world.random(3) === 0) await this.world.run(new Observer(this.#model, TAPE_ID, "reader").done);
    if (this.world.violation !== undefined) throw this.world.violation;
    const { content } = this.#model;
    this.#losePower();
    if (this.#model.content.length !== content.length) throw new Violation("a finalized tape was cut by a power loss");
  }

  /** Whoever checks the tape finds no damage, as there is none. */
  async #verify(): Promise<void> {
    const { coding } = this.#model;
    const store = coding.open(simulatedStore(this.world, this.world.startProcess(), false));
    const onFinding = ({ severity, line, message }: Finding) => {
      if (severity === "damage") this.world.violation ??= new Violation(`line ${line} is called damaged: ${message}`);
    };
    await this.world.run(verifyTape(store, TAPE_ID, { onFinding, ...coding.checks }));
  }
}
