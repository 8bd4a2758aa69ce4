import type { TapeEntry } from "../../tape/listed-tape.ts";
import type { ListedTape } from "../../tape/listed-tape.ts";
import type { TapeMetadata } from "../../records/metadata.ts";
import { peerText } from "../../records/messages/peers.ts";
import { outcomeOf } from "../report/session-end.ts";
import { copyOf } from "../terminal/text.ts";

/** What lists show of a tape, sort by and ask for. Foreign text, not escaped. A number that nobody knows is null. */
export interface TapeRow {
  readonly tapeId: string;
  /** `TapeState`, and what `ListedTape` adds to it. */
  readonly state: string;
  /** What is wrong with it, in words; empty if nothing is known to be. */
  readonly fault: string;
  /** Whether it is encrypted, and nothing at hand opens it. */
  readonly isLocked: boolean;
  readonly name: string;
  readonly tags: readonly string[];
  /** When it was started, as its metadata say. */
  readonly started: string;
  /** The same in milliseconds since 1970. */
  readonly startedMs: number | null;
  /** When anything happened to it last, by its file and its metadata. */
  readonly changedMs: number;
  readonly sizeBytes: number;
  readonly durationMs: number | null;
  readonly frames: number | null;
  readonly errors: number | null;
  readonly toolErrors: number | null;
  /** How the server has failed, such as `SIGSEGV` or `exit 3`; empty if it has not. */
  readonly failure: string;
  readonly server: string;
  readonly client: string;
  /** The command line of the server, or where it was reached. */
  readonly command: string;
  readonly methods: readonly string[];
  readonly tools: readonly string[];
}

/** Longer texts are cut: somebody may have written a book into the metadata. */
const MAX_TEXT = 500;
const MAX_TEXTS = 100;

/** The row of a tape. */
export function rowOf({ tapeId, tape }: TapeEntry, { metadata, state, metadataFault }: ListedTape): TapeRow {
  const { name, tags, created_at, stats, status, server_info, client_info, transport, methods, tools } = metadata;
  const fault = typeof status === "object" && status !== null ? status.error : metadataFault;
  return {
    tapeId,
    state,
    fault: text(fault),
    isLocked: "sealed" in metadata,
    name: text(name),
    tags: texts(tags),
    started: text(created_at),
    startedMs: timeOf(created_at),
    changedMs: changedAt(metadata, tape.modifiedMs),
    sizeBytes: tape.size,
    durationMs: stats?.duration_ms ?? null,
    frames: stats?.frame_count ?? null,
    errors: stats?.error_count ?? null,
    toolErrors: stats?.tool_error_count ?? null,
    failure: state === "finalized" ? failureOf(metadata) : "",
    server: server_info == null ? "" : text(peerText(server_info)),
    client: client_info == null ? "" : text(peerText(client_info)),
    command: text(transport?.url ?? [transport?.command ?? "", ...transport?.args ?? []].join(" ")),
    methods: texts(methods && Object.keys(methods)),
    tools: texts(tools && Object.keys(tools)),
  };
}

/** The latest of all times that are known: nothing happened to the tape after it. */
function changedAt({ created_at, updated_at, finalized_at }: TapeMetadata, modifiedMs: number): number {
  return Math.max(modifiedMs, ...[created_at, updated_at, finalized_at].map((time) => timeOf(time) ?? 0));
}

function timeOf(iso: string | null | undefined): number | null {
  const ms = iso == null ? NaN : Date.parse(iso);
  return Number.isNaN(ms) ? null : ms;
}

function failureOf({ end }: TapeMetadata): string {
  const outcome = end == null ? undefined : outcomeOf(end);
  return outcome?.isFailure === true ? text(outcome.short) : "";
}

function text(value: string | null | undefined): string {
  return copyOf(value ?? "", MAX_TEXT);
}

function texts(values: readonly string[] | null | undefined): string[] {
  return (values ?? []).slice(0, MAX_TEXTS).map(text);
}
