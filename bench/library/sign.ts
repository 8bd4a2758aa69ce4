/** What signatures cost: to write a tape with them, and to check them. */
import { interleaved } from "../harness.ts";
import { tapeline, tapelineCrypto } from "../built.ts";
import type { Job, Report } from "../plan.ts";
import { comparedRows, WrittenTapes } from "./written-tape.ts";

const { verifyTape } = tapeline;
const { generateSigningKey, signerOf, verifierOf } = tapelineCrypto;

const TAPE_ID = "signed";

export async function measure(job: Job): Promise<Report> {
  const { workload, rounds } = job;
  const tapes = new WrittenTapes(job, 300_000, 450);
  const { privateKey, publicKey } = await generateSigningKey();
  const signer = await signerOf(privateKey);
  const signers = [await verifierOf(publicKey)];
  const verifying = (
    name: string,
    options: { readonly signers?: typeof signers },
  ) => ({
    name,
    run: () =>
      tapes.during(async () => {
        const { isIntact, signedToLine, lineCount } = await verifyTape(
          tapes.store,
          TAPE_ID,
          options,
        );
        const isAsWanted = isIntact &&
          signedToLine ===
            (options.signers === undefined ? undefined : lineCount);
        if (!isAsWanted) throw new Error("the tape is not as it was written");
      }),
  });
  const candidates = workload === "record"
    ? [
      { name: "unsigned", run: () => tapes.write(TAPE_ID, {}) },
      { name: "signed", run: () => tapes.write(TAPE_ID, { signer }) },
    ]
    : [
      verifying("verifyTape()", {}),
      verifying("verifyTape(), with signers", { signers }),
    ];
  if (workload === "verify") await tapes.write(TAPE_ID, { signer });
  const measured = await interleaved(candidates, rounds);
  tapes.remove(TAPE_ID);
  const rows = comparedRows(workload, candidates, measured);
  return {
    rows,
    facts: [
      `${workload}: ${tapes.frames} frames of some 450 B, a signature for each 1000`,
    ],
  };
}
