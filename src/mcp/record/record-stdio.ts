import { checkOptions, type OptionNames } from "../../arguments.ts";
import { deferred } from "../../deferred.ts";
import type { TapeTransport } from "../../records/metadata.ts";
import type { Durability } from "../../tape/write/commit/group-commit.ts";
import { goOn } from "../../tape/write/go-on.ts";
import { StreamingTapeWriter } from "../../tape/write/writer.ts";
import { checkDurability, type CreateWriterOptions } from "../../tape/write/writer-options.ts";
import { checkStore, type TapeStore } from "../../stores/store.ts";
import { maskArguments, maskLog, maskSecrets } from "../../records/secrets/mask-secrets.ts";
import type { Redaction } from "../../redact/redaction.ts";
import { newTapeId } from "../../records/tape-id.ts";
import { checkSigner, type Signer } from "../../signing/signer.ts";
import { checkSealFor } from "../../codecs/crypto/keys/age.ts";
import { loadZstd } from "../../codecs/zstd/engine.ts";
import { Flow } from "./flow.ts";
import { hostEnvironment } from "./host-environment.ts";
import { lastWords } from "./last-words.ts";
import { ownStdio, type StdioStreams } from "./own-stdio.ts";
import { CommandError } from "../command/command-error.ts";
import type { ServerCommand } from "../command/server-command.ts";
import { type ProcessEnding, ServerProcess } from "./server-process.ts";
import { SessionEnding } from "./session-end.ts";
import { type RecordedStream, SessionRecorder } from "./session-recorder.ts";
import { onSignals } from "./signals.ts";
import { type FedOptions, type RecordingResult, TapeFeed } from "./tape-feed.ts";

/** Options of {@linkcode recordStdio}. */
export interface RecordStdioOptions extends ServerCommand {
  /** Where the tape goes. */
  readonly store: TapeStore;
  /** The id of the tape; by default a new ULID. */
  readonly tapeId?: string | undefined;
  /** Names the session; any text. By default a new UUID. */
  readonly sessionId?: string | undefined;
  /** A name for people. */
  readonly name?: string | undefined;
  /** More about the tape, for people. */
  readonly description?: string | undefined;
  /** Words to find the tape by. */
  readonly tags?: readonly string[] | undefined;
  /**
   * Whether the metadata tell the arguments of the command as they are. Else what looks like a secret, such as the value
   * of `--api-key`, is replaced by `[masked]` before anything is written. What the two say to each other is never masked.
   *
   * @default {false}
   */
  readonly keepArguments?: boolean | undefined;
  /**
   * Whether the server's stderr is recorded as it is. Else what looks like a secret there, in headers, in the queries of URLs, or behind the
   * name of one, is replaced by `[masked]`; a `redaction` does that in its own way. It is passed on as it is in any case.
   *
   * @default {false}
   */
  readonly keepLogs?: boolean | undefined;
  /**
   * When what is recorded counts as safe. The session waits for none of them.
   *
   * @default {"flushed"}
   */
  readonly durability?: Durability | undefined;
  /**
   * Whether an index is written beside the tape.
   *
   * @default {true}
   */
  readonly index?: boolean | undefined;
  /** Signs the tape, see {@linkcode WriterOptions.signer}. */
  readonly signer?: Signer | undefined;
  /**
   * Compresses every line of the tape, see {@linkcode CreateWriterOptions.compress}.
   *
   * @default {false}
   */
  readonly compress?: boolean | undefined;
  /** Encrypts every line of the tape, see {@linkcode CreateWriterOptions.encryptTo}. A passphrase takes a second of the start. */
  readonly encryptTo?: CreateWriterOptions["encryptTo"];
  /** Takes the secrets out of all that is recorded, see {@linkcode WriterOptions.redaction}. What the two say is passed on as it is. */
  readonly redaction?: Redaction | undefined;
  /**
   * How many bytes of the session may wait to be written. Beyond that messages are left out of the tape, which says so
   * in a `gap` record.
   *
   * @default {67108864, or twice maxLineBytes if that is more}
   */
  readonly maxPendingBytes?: number | undefined;
  /**
   * The longest line of the tape, in bytes, 268435456 (256 MiB) at most; a message takes up to 256 bytes less. A longer
   * one is passed on, and left out of the tape, which says what it was and still matches it with its request or answer.
   *
   * @default {10485760}
   */
  readonly maxLineBytes?: number | undefined;
  /**
   * How long to wait for the disk when the session is over, in milliseconds.
   *
   * @default {5000}
   */
  readonly finishTimeoutMs?: number | undefined;
  /** The client's end of the session. By default the streams of this process. */
  readonly client?: StdioStreams | undefined;
  /** Is told, once, what keeps the tape from being written. The session goes on, and the tape may not be whole. */
  readonly onTrouble?: ((reason: string) => void) | undefined;
}

/** How a recorded session ended. */
export interface StdioSession extends ProcessEnding, RecordingResult {
  /** The id of the tape. */
  readonly tapeId: string;
}

/** How long the start of the server waits for a disk that does not answer. */
const START_PATIENCE_MS = 2_000;

const OPTIONS: OptionNames<RecordStdioOptions> = {
  command: true,
  args: true,
  cwd: true,
  env: true,
  store: true,
  tapeId: true,
  sessionId: true,
  name: true,
  description: true,
  tags: true,
  durability: true,
  maxPendingBytes: true,
  maxLineBytes: true,
  finishTimeoutMs: true,
  client: true,
  onTrouble: true,
  signer: true,
  keepArguments: true,
  keepLogs: true,
  index: true,
  compress: true,
  redaction: true,
  encryptTo: true,
};

/**
 * Runs an MCP server, or any program that speaks line by line, and records what it and its client say to each other.
 * Bytes are passed on at once and as they came, and never wait for the tape; what the tape cannot take is left out of it
 * and told of there. Signals are passed on too. The server's stderr is passed on and recorded as `log` records, in which
 * bytes that are not UTF-8 are replaced.
 *
 * The session is over when the server has ended and the client has taken the rest of its output. Where something that the
 * server left behind holds the output open, that is half a second of silence later, and two seconds at most; a client that
 * reads nothing for three seconds is not waited for then. A `log` record of the stream `tapeline` says so.
 *
 * The server does not outlive this process: where that is killed, so is the server, but not what the server has left
 * behind. A small shell watches over that, except on Windows.
 *
 * Every line becomes a frame: a message where it is JSON, else `raw` text. Frames carry no `transport` of their own: the
 * metadata have it, without the secrets that the arguments seem to hold. Nothing of the server's environment is recorded.
 *
 * The server is started first and the tape is made meanwhile: what is said before it is there waits for it. Who says very
 * much in that time waits too, for two seconds at most.
 *
 * @throws {TapeError} the tape cannot be made, and trying again would not help; the server was killed then
 * @throws {CommandError} the server cannot be started
 *
 * @example Stand in for a server
 * ```ts ignore
 * import { fileStore } from "tapeline/file";
 * import { recordStdio } from "tapeline/mcp";
 *
 * const { code } = await recordStdio({ store: fileStore("tapes"), command: "my-server", args: ["--stdio"] });
 * process.exit(code ?? 1);
 * ```
 */
export async function recordStdio(options: RecordStdioOptions): Promise<StdioSession> {
  checkOptions("record a session", options, OPTIONS);
  checkStore("record a session", options.store);
  checkDurability(options.durability);
  if (options.signer !== undefined) checkSigner("record a session", options.signer);
  // Before the server is started: what a package is missing for cannot be recorded at all.
  if (options.compress === true) await loadZstd();
  if (options.encryptTo !== undefined) await checkSealFor(options.encryptTo);
  const { tapeId = newTapeId(), client = ownStdio(), maxLineBytes, finishTimeoutMs = 5_000 } = options;
  let server: ServerProcess | undefined;
  const transport = () => transportOf(options, server);
  const feed = feedFor(options, tapeId, transport);

  // Of a client that goes before there is a server the flows will know.
  for (const stream of [client.stdin, client.stdout, client.stderr]) stream.on("error", () => {});
  const sessionEnding = new SessionEnding();
  const endAt = (elapsedMs: number) => sessionEnding.end(elapsedMs);
  const early: NodeJS.Signals[] = [];
  const isGivenUp = deferred();
  const unlisten = onSignals((signal) => {
    if (server === undefined) early.push(signal);
    else if (!server.signal(signal)) isGivenUp.resolve();
  });
  try {
    try {
      server = await ServerProcess.start(options);
    } catch (error) {
      await feed.start(START_PATIENCE_MS);
      if (error instanceof CommandError) {
        feed.log("tapeline", error.message);
        sessionEnding.failed(error.exitCode, error.message);
      }
      await feed.finish(finishTimeoutMs, endAt);
      throw error;
    }
    for (const signal of early) server.signal(signal);
    // What is said before the tape is there waits in the feed.
    const opening = feed.start(START_PATIENCE_MS);
    const passing = passOn(
      server,
      client,
      new SessionRecorder(feed, maxLineBytes, logOf(options)),
      sessionEnding,
      feed,
      opening,
      isGivenUp.promise,
    );
    try {
      await opening;
    } catch (error) {
      server.signal("SIGKILL");
      await passing;
      throw error;
    }
    return { ...await passing, ...await feed.finish(finishTimeoutMs, endAt), tapeId };
  } finally {
    unlisten();
  }
}

/** Stands between a server and its client until the server has ended and all that it said is passed on. */
async function passOn(
  server: ServerProcess,
  client: StdioStreams,
  recorder: SessionRecorder,
  sessionEnding: SessionEnding,
  feed: TapeFeed,
  opening: Promise<void>,
  isGivenUp: Promise<void>,
): Promise<ProcessEnding> {
  const tap = (stream: RecordedStream) => ({
    onChunk: (chunk: Uint8Array) => recorder.push(stream, chunk),
    hold: () => feed.crowded,
    onEnd: () => recorder.end(stream),
  });
  const closed = (stream: "stdin" | "stdout" | "stderr") => (by: "from" | "to") =>
    sessionEnding.closed(stream, (by === "from") === (stream === "stdin") ? "client" : "server");
  const requests = new Flow(client.stdin, server.stdin, { ...tap("client_to_server"), onClosed: closed("stdin") });
  const answers = new Flow(server.stdout, client.stdout, { ...tap("server_to_client"), onClosed: closed("stdout") });
  const errors = new Flow(server.stderr, client.stderr, {
    ...tap("stderr"),
    onClosed: closed("stderr"),
    endsTarget: false,
  });

  const ending = await server.ended;
  sessionEnding.exited(ending);
  // Until then the flows may wait for the tape, and what they have not taken yet is no silence.
  await opening.catch(() => {});
  const { held, unread } = await lastWords([answers, errors], isGivenUp);
  const names = (flows: readonly Flow[]) => flows.map((flow) => flow === answers ? "stdout" : "stderr").join(" and ");
  if (held.length > 0) {
    feed.log(
      "tapeline",
      `the server has ended, and something that it left behind holds its ${names(held)} open: the session ends here`,
    );
  }
  if (unread.length > 0) {
    feed.log("tapeline", `the client has not read the end of ${names(unread)}, which stands on this tape`);
  }
  for (const flow of [answers, errors, requests]) flow.stop();
  server.stdin.destroy();
  await server.unwatched;
  return ending;
}

function feedFor(options: RecordStdioOptions, tapeId: string, transport: () => TapeTransport): TapeFeed {
  const { store, durability, index, compress, sessionId = crypto.randomUUID(), name, description, tags, maxLineBytes } =
    options;
  // The longest message has to find room, and then some.
  const { maxPendingBytes = Math.max(64 * 1024 * 1024, 2 * (maxLineBytes ?? 0)), onTrouble = () => {} } = options;
  const writerOptions = (fed: FedOptions): CreateWriterOptions => ({
    ...fed,
    tapeId,
    sessionId,
    // Nobody waits for a record: all that is not to be synced is written as soon as the disk takes it.
    durability: durability === "synced" ? "synced" : "buffered",
    maxLineBytes,
    maxPendingBytes,
    index,
    signer: options.signer,
    compress,
    encryptTo: options.encryptTo,
    redaction: options.redaction,
    metadata: {
      name,
      description,
      tags: tags && [...tags],
      transport: transport(),
      environment: hostEnvironment(),
    },
  });
  return new TapeFeed({
    open: (fed) => StreamingTapeWriter.create(store, writerOptions(fed)),
    goOn: (lost, reason, fed) => goOn(store, lost, writerOptions(fed), reason),
    maxPendingBytes,
    onTrouble,
  });
}

/** What of a line of stderr is recorded; undefined where that is all of it. */
function logOf({ keepLogs = false, redaction }: RecordStdioOptions): ((text: string) => string) | undefined {
  return keepLogs || redaction !== undefined ? undefined : maskLog;
}

function transportOf(
  { command, args, keepArguments = false }: RecordStdioOptions,
  server: ServerProcess | undefined,
): TapeTransport {
  const shown = keepArguments
    ? { command, args: [...args] }
    : { command: maskSecrets(command), args: maskArguments(args) };
  return { type: "stdio", ...shown, process_id: server?.pid ?? null };
}
