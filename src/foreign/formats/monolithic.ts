import { JsonView } from "../../json/split/json-view.ts";
import { maskArguments } from "../../records/secrets/mask-secrets.ts";
import type { Direction } from "../../records/record.ts";
import {
  type ForeignFacts,
  type ForeignFormat,
  type ForeignOutput,
  type ForeignReader,
  type ForeignTime,
  type Piece,
  textOf,
} from "../format.ts";
import { epochUsOf, usOfMs } from "../instant.ts";

const DIRECTIONS: Readonly<Record<string, Direction | undefined>> = {
  client_to_server: "client_to_server",
  server_to_client: "server_to_client",
  ClientToServer: "client_to_server",
  ServerToClient: "server_to_client",
};
/** What one of the three shapes has beside its frames. */
const BESIDE = ["metadata", "session", "format", "tape_id", "timeline"];

/** Tapes before version 2.0: one JSON document with the array `frames`. There were three shapes of them. */
export const monolithic: ForeignFormat = {
  name: "monolithic",
  title: "a tape in one JSON document, as before version 2.0",
  cut: ["frames"],
  fits: ({ paths }) => paths.has("frames") && BESIDE.some((name) => paths.has(name)),
  reader: (out) => new Reader(out),
};

class Reader implements ForeignReader {
  readonly #out: ForeignOutput;

  constructor(out: ForeignOutput) {
    this.#out = out;
  }

  read(piece: Piece): void {
    const view = JsonView.of(piece.block, piece.start, piece.end);
    if (piece.path === "frames[]") return this.#frame(piece, view);
    this.#out.facts(view === undefined ? scalarFacts(piece) : factsOf(piece.path, view));
  }

  #frame(piece: Piece, frame: JsonView | undefined): void {
    const out = this.#out;
    const message = frame?.json("message") ?? frame?.json("content");
    if (frame === undefined || message === undefined) return out.damage(piece, "it is no frame with a message");
    const type = message.shape?.type;
    if (type !== "object" && type !== "array") return out.damage(piece, "its message is no JSON-RPC message");
    const dir = frame.string("direction") ?? "";
    const direction = Object.hasOwn(DIRECTIONS, dir) ? DIRECTIONS[dir] : undefined;
    const edge = frame.string("edge");
    const isSynthetic = frame.object("metadata")?.isTrue("is_synthetic") === true;
    out.message({
      message,
      direction,
      ...timeOf(frame),
      sessionId: frame.string("session_id"),
      transport: edge === undefined ? undefined : { other: { edge } },
      action: isSynthetic ? { is_synthetic: true } : undefined,
    });
  }
}

function timeOf(frame: JsonView): ForeignTime {
  const elapsedUs = usOfMs(frame.number("timestamp_ms"));
  if (elapsedUs !== undefined) return { elapsedUs };
  return { epochUs: usOfMs(frame.number("timestamp")) ?? epochUsOf(frame.string("timestamp")) };
}

/** What stands at the top as a text: `"session_id": "…"`. */
function scalarFacts(piece: Piece): ForeignFacts {
  const value = textOf(piece);
  if (value === undefined) return {};
  switch (piece.path) {
    case "tape_id":
      return { tapeId: value };
    case "session_id":
      return { sessionId: value };
    case "version":
      return { version: value };
    default:
      return {};
  }
}

function factsOf(path: string, view: JsonView): ForeignFacts {
  switch (path) {
    case "metadata":
      return {
        tapeId: view.string("id"),
        sessionId: view.string("session_id"),
        name: view.string("name"),
        description: view.string("description"),
        tags: textsIn(view, "tags"),
        startedUs: epochUsOf(view.string("created_at")),
        protocolVersion: view.string("protocol_version"),
        transport: transportOf(view, "transport") ?? transportOf(view, "transport_type"),
      };
    case "format":
      return { version: view.string("version"), tool: view.string("created_by") };
    case "session": {
      const client = view.object("client_info");
      const command = client?.string("command");
      const args = client === undefined ? undefined : textsIn(client, "args");
      return {
        sessionId: view.string("id"),
        name: view.string("name"),
        description: view.string("description"),
        tags: textsIn(view, "tags"),
        transport: command === undefined
          ? transportOf(view, "transport_type")
          : { type: view.string("transport_type") ?? null, command, ...(args ? { args: maskArguments(args) } : {}) },
      };
    }
    case "timeline":
      return { startedUs: usOfMs(view.number("started_at")) };
    case "environment":
      return {
        platform: view.object("platform")?.string("os"),
        protocolVersion: view.object("runtime")?.string("mcp_version"),
      };
    default:
      return {};
  }
}

function transportOf(view: JsonView, name: string): ForeignFacts["transport"] {
  const type = view.string(name);
  return type === undefined ? undefined : { type };
}

function textsIn(view: JsonView, name: string): string[] | undefined {
  const value = view.value(name);
  return Array.isArray(value) ? value.filter((text) => typeof text === "string") : undefined;
}
