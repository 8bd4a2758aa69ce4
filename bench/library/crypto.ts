/** E1, E2: tapes whose lines are encrypted; and what encrypts one line, in the ways that there are. */
import { generateX25519Identity, identityToRecipient } from "age-encryption";
import { atLeast, type Candidate, clocks, interleaved, perSecond } from "../harness.ts";
import { ciphers, tapelineCrypto } from "../built.ts";
import type { Job, Report } from "../plan.ts";
import { comparedRows, WrittenTapes } from "./written-tape.ts";

const { noblePrimitives, nodePrimitives } = ciphers;
const PLAIN = "plain-lines";
const SEALED = "sealed-lines";

export function measure(job: Job): Promise<Report> {
  return job.workload === "1 KB" ? tapes(job) : lines(job);
}

async function tapes(job: Job): Promise<Report> {
  const { workload, rounds } = job;
  const identity = await generateX25519Identity();
  const encryptTo = { recipients: [await identityToRecipient(identity)] };
  const tapes = new WrittenTapes(job, 100_000, 1_000);
  const opened = tapelineCrypto.unlock(tapes.store, {
    identities: [identity],
  });
  const writing = [
    { name: "writing, plain", run: () => tapes.write(PLAIN, {}) },
    {
      name: "writing, encrypted",
      run: () => tapes.write(SEALED, { encryptTo }),
    },
    {
      name: "writing, compressed and encrypted",
      run: () => tapes.write(`${SEALED}-zstd`, { encryptTo, compress: true }),
    },
  ];
  const reading = [
    { name: "reader.frames(), plain", run: () => tapes.read(PLAIN) },
    {
      name: "reader.frames(), encrypted",
      run: () => tapes.read(SEALED, opened),
    },
    {
      name: "reader.frames(), compressed and encrypted",
      run: () => tapes.read(`${SEALED}-zstd`, opened),
    },
  ];
  const measured = await interleaved([...writing, ...reading], rounds);
  tapes.remove(PLAIN, SEALED, `${SEALED}-zstd`);
  const goal = (target: string) => (name: string, ratio: number) =>
    name.endsWith(", encrypted") ? { target, goal: atLeast(0.4, ratio) } : { target: "" };
  const rows = [
    ...comparedRows(workload, writing, measured, goal("E1")),
    ...comparedRows(workload, reading, measured, goal("E2")),
  ];
  return {
    rows,
    facts: [`${workload}: ${tapes.frames} frames, for one recipient`],
  };
}

/** Bytes of a line, as in `a line of 200 B`. */
async function lines({ workload, rounds, quick, clock }: Job): Promise<Report> {
  const plain = new Uint8Array(Number(/\d+/.exec(workload)![0])).fill(0x61);
  const count = quick ? 200 : 50_000;
  const key = crypto.getRandomValues(new Uint8Array(32));
  const associated = new TextEncoder().encode(
    '["tapeline/line/1","01JQ8Z3V7P9XKM2R5T6W8Y0ABC","AAECAwQF",1,"frame",17,1234,null]',
  );
  const nonce = new Uint8Array(12);
  const next = () =>
    new DataView(nonce.buffer).setUint32(
      8,
      new DataView(nonce.buffer).getUint32(8) + 1,
    );
  const sync = (
    name: string,
    { cipher }: { cipher: (key: Uint8Array<ArrayBuffer>) => Sealing },
  ): Candidate => {
    const line = cipher(key);
    return {
      name,
      run: () =>
        perSecond(clocks[clock], count, () => {
          for (let n = 0; n < count; n++, next()) {
            line.seal(nonce, associated, plain);
          }
          return Promise.resolve();
        }),
    };
  };
  const imported = await crypto.subtle.importKey("raw", key, "AES-GCM", false, [
    "encrypt",
  ]);
  const webCrypto = () =>
    crypto.subtle.encrypt(
      { name: "AES-GCM", iv: nonce.slice(), additionalData: associated },
      imported,
      plain,
    );
  const candidates: Candidate[] = [
    sync("node:crypto", nodePrimitives()!),
    sync("@noble/ciphers", await noblePrimitives()),
    {
      name: "WebCrypto, one after the other",
      run: () =>
        perSecond(clocks[clock], count, async () => {
          for (let n = 0; n < count; n++, next()) await webCrypto();
        }),
    },
    {
      name: "WebCrypto, 64 at a time",
      run: () =>
        perSecond(clocks[clock], count, async () => {
          for (let n = 0; n < count; n += 64) {
            await Promise.all(
              Array.from({ length: 64 }, () => (next(), webCrypto())),
            );
          }
        }),
    },
  ];
  const measured = await interleaved(candidates, rounds);
  return { rows: comparedRows(workload, candidates, measured), facts: [] };
}

interface Sealing {
  seal(
    nonce: Uint8Array,
    associated: Uint8Array,
    plain: Uint8Array,
  ): Uint8Array;
}
