import * as fs from "node:fs/promises";
import type { SealFor } from "../../../codecs/crypto/keys/age.ts";
import { openEncryption, wrappedFor } from "../../../codecs/crypto/keys/encryption.ts";
import type { TapeKey } from "../../../codecs/crypto/keys/tape-key.ts";
import { openMetadata, sealMetadata } from "../../../codecs/crypto/sealed-metadata.ts";
import type { TapeMetadata } from "../../../records/metadata.ts";
import type { InitRecord, TapeEncryption } from "../../../records/record.ts";
import { tapeKeys } from "../../../records/tape-id.ts";
import { ioError } from "../../../sinks/file/file-error.ts";
import { fileSink } from "../../../sinks/file/file.ts";
import { storedMetadata } from "../../../stores/stored-metadata.ts";
import type { TapeStore } from "../../../stores/store.ts";
import { buildIndex } from "../../../tape/index/build-index.ts";
import { rekeyedBytes } from "../../../tape/recode/rekeyed-bytes.ts";
import { ENCRYPT_OPTIONS, newPassphrase, recipientsOption } from "../../arguments/keys/encrypt-options.ts";
import { KEY_HELP, KEY_OPTIONS, keysOf } from "../../arguments/keys/key-options.ts";
import { optionalArgument, parseOptions } from "../../arguments/options.ts";
import { isPackedPath, pathStore } from "../../arguments/path-store.ts";
import { naming, type OpenedTape, openTape, tapeFolder } from "../../arguments/tape-argument.ts";
import { type Command, type CommandIo, UsageError } from "../../command.ts";
import { type Program, programOf } from "../../program.ts";
import { Progress } from "../../terminal/progress.ts";
import { asciiJson, escapeControls } from "../../terminal/text.ts";
import { plural } from "../../terminal/units.ts";

const HELP = `Changes who can read an encrypted tape.

Usage:
  tapeline rekey (--encrypt-to RECIPIENT|FILE … | --new-passphrase)
                 [--identity FILE …] [--passphrase] [--json] [--dir DIR] [TAPE]

The key of the tape is encrypted anew, for those who are named and for nobody
else: name those again who are to keep it. The lines of the tape stay as they
are, but for its first one and the checksum of its first checkpoint.

Who could read the tape before still can read the copies that he has, and knows
its key. "tapeline encrypt" gives a tape a new key, under which all its lines
are encrypted anew. A signed tape, or one that is being recorded, is left as it
is.

Options:
  --encrypt-to RECIPIENT|FILE
                    who can read it from now on: an age recipient (age1…), or
                    those in a file; may be given several times
  --new-passphrase  whoever knows it: asks for it, or takes that of
                    $TAPELINE_NEW_PASSPHRASE
  --json            what was done, as one JSON object on one line
  --dir DIR         where tapes are kept; by default $TAPELINE_DIR or ./tapes

${KEY_HELP}
Exit codes:
  0  done
  1  failed; the tape is as it was
  2  wrong use, no such tape, or no key that opens it; it is as it was

Examples:
  tapeline rekey --identity me.key --encrypt-to team.txt sealed.jsonl
`;

async function run(args: readonly string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseOptions("rekey", args, {
    ...ENCRYPT_OPTIONS,
    "new-passphrase": { type: "boolean" },
    json: { type: "boolean" },
    dir: { type: "string" },
    ...KEY_OPTIONS,
  });
  const given = values["encrypt-to"];
  const isPassphrase = values["new-passphrase"] === true;
  if ((given !== undefined) === isPassphrase) {
    throw new UsageError('rekey needs either --encrypt-to or --new-passphrase; see "tapeline rekey --help"');
  }
  const recipients = await recipientsOption(given, io.env);
  const keys = await keysOf(values, io);
  const tape = await openTape(optionalArgument("rekey", positionals), tapeFolder(values.dir, io.env), keys);
  const { encryption } = tape.init;
  const name = escapeControls(tape.path);
  if (encryption == null) throw new UsageError(`Cannot change the key of ${name}: it is not encrypted`);
  if (isPackedPath(tape.path)) {
    throw new UsageError(`Cannot change the key of ${name}: it is packed; "tapeline decompress" makes a tape of it`);
  }
  const key = await naming(tape, async () => await openEncryption(tape.init, await keys.given() ?? {}));
  try {
    const to = recipients ?? await newPassphrase(io, "TAPELINE_NEW_PASSPHRASE");
    await changeKey({ tape, key, to, encryption }, io);
    const count = to.recipients?.length;
    if (values.json === true) {
      const fields = { tape_id: tape.init.tape_id, path: tape.path, recipient_count: count ?? null };
      await io.stdout.write(`${asciiJson(fields)}\n`);
    } else {
      const who = count === undefined ? "whoever knows the new passphrase" : plural(count, "recipient");
      await io.stdout.write(`${name}: can be read by ${who} now\n`);
    }
    return 0;
  } finally {
    key.wipe();
  }
}

interface Rekeying {
  readonly tape: OpenedTape;
  readonly key: TapeKey;
  readonly to: SealFor;
  readonly encryption: TapeEncryption;
}

/** While nobody else writes the tape: writes it anew beside itself, and puts that in its place. */
async function changeKey({ tape, key, to, encryption }: Rekeying, io: CommandIo): Promise<void> {
  const { path, tapeId, init } = tape;
  const store = pathStore(path, tapeId);
  const { meta, index } = tapeKeys(tapeId);
  const lock = fileSink(path, { mode: "append" });
  await lock.open();
  try {
    const wrapped = await wrappedFor(key, encryption, to);
    const size = await writeBeside(store, tape, { ...init, encryption: wrapped }, io);
    const metadata = await newMetadata(store, meta, key, wrapped, size);
    const isIndexed = await store.size(index) !== undefined;
    // It would lead to the wrong places.
    await store.delete(index);
    await fs.rename(draftOf(path), path).catch((error) => {
      throw ioError(`Cannot replace ${escapeControls(path)}`, error);
    });
    if (metadata !== undefined) {
      await store.put(meta, new TextEncoder().encode(`${JSON.stringify(metadata, null, 2)}\n`));
    }
    if (isIndexed) await buildIndex(store, tapeId, { signal: io.signal });
  } finally {
    await lock.abort();
    await fs.rm(draftOf(path), { force: true });
  }
}

/** Nobody else uses it: whoever makes one has the lock of the tape. */
function draftOf(path: string): string {
  return `${path}.rekeyed.tmp`;
}

async function writeBeside(store: TapeStore, tape: OpenedTape, init: InitRecord, io: CommandIo): Promise<number> {
  const { path, key } = tape;
  const { size, mode } = await fs.stat(path);
  const progress = new Progress(size, io);
  await fs.rm(draftOf(path), { force: true });
  const file = await fs.open(draftOf(path), "wx", mode & 0o777).catch((error) => {
    throw ioError(`Cannot write ${escapeControls(draftOf(path))}`, error);
  });
  try {
    const reading = { size, signal: io.signal, onProgress: (bytes: number) => progress.at(bytes) };
    await naming(tape, async () => {
      for await (const block of rekeyedBytes(store, key, init, reading)) await file.writeFile(block);
    });
    await file.sync();
    return (await file.stat()).size;
  } finally {
    progress.clear();
    await file.close();
  }
}

/** The metadata beside the tape for those who can read it now; undefined where there are none that could be. */
async function newMetadata(
  store: TapeStore,
  meta: string,
  key: TapeKey,
  encryption: TapeEncryption,
  size: number,
): Promise<TapeMetadata | undefined> {
  const kept = await storedMetadata(store, meta).catch(() => undefined);
  if (kept === undefined) return undefined;
  const opened: TapeMetadata & { encryption?: unknown } = "sealed" in kept ? openMetadata(key, kept) : kept;
  const { encryption: _, ...told } = opened;
  if (told.stats?.file_size_bytes != null) told.stats = { ...told.stats, file_size_bytes: size };
  return sealMetadata(key, told, encryption);
}

/** `tapeline rekey` */
export const rekey: Command = { name: "rekey", summary: "change who can read an encrypted tape", help: HELP, run };

/** What `main.ts` starts. */
export const program: Program = programOf(rekey);
