import { JsonView } from "../../json/split/json-view.ts";
import { maskArguments } from "../../records/secrets/mask-secrets.ts";
import type { Direction, InterceptAction, TransportMetadata } from "../../records/record.ts";
import type { ForeignFormat, ForeignOutput, ForeignReader, Piece } from "../format.ts";
import { epochUsOf } from "../instant.ts";
import { MissingNumbers } from "./missing-numbers.ts";

const DIRECTIONS: Readonly<Record<string, Direction | undefined>> = {
  c2s: "client_to_server",
  s2c: "server_to_client",
};
/** What it notes of an HTTP exchange. */
const HTTP_FIELDS = ["mcp_method", "mcp_name", "mcp_protocol_version", "auth_challenge"];

/** So many envelopes may stand before one with a lower number. */
const WINDOW = 64;

/** Captures of mcpsnoop: an envelope a line, with the message in `raw`. */
export const mcpsnoop: ForeignFormat = {
  name: "mcpsnoop",
  title: "a capture of mcpsnoop",
  cut: "lines",
  fits: ({ lines }) => lines.length > 0 && lines.filter(isEnvelope).length * 2 > lines.length,
  reader: (out) => new Reader(out),
};

function isEnvelope(line: JsonView): boolean {
  return line.has("session_id") && line.has("seq") && line.has("ts") && line.has("direction") && line.has("transport");
}

class Reader implements ForeignReader {
  readonly #out: ForeignOutput;
  readonly #missing: MissingNumbers;
  #session: string | undefined;

  constructor(out: ForeignOutput) {
    this.#out = out;
    const reason = "mcpsnoop has dropped what it could not write in time: messages, or lines of stderr";
    this.#missing = new MissingNumbers((count) => out.gap(count, reason));
  }

  read(piece: Piece): void {
    const out = this.#out;
    const line = JsonView.of(piece.block, piece.start, piece.end);
    const dir = line?.string("direction");
    if (line === undefined) return out.damage(piece, "it is not JSON");
    if (dir === undefined) return out.damage(piece, "it has no direction");
    const sessionId = line.string("session_id");
    const epochUs = epochUsOf(line.string("ts"));
    if (this.#session === undefined) {
      this.#session = sessionId ?? "";
      out.facts({ sessionId, name: line.string("server_label") || undefined, startedUs: epochUs });
    }
    // Over HTTP envelopes are numbered before it is their turn.
    this.#missing.next(line.number("seq"), sessionId ?? "", line.string("transport") === "http" ? WINDOW : 0);
    if (dir === "meta") return this.#meta(line);
    if (dir === "stderr") return out.log("stderr", line.string("text") ?? "", { epochUs });
    if (!Object.hasOwn(DIRECTIONS, dir)) return out.damage(piece, "its direction is none of c2s, s2c, stderr, meta");

    const message = line.json("raw");
    const raw = line.string("text");
    const status = line.number("status");
    // An acknowledgement without a body is no message; an error without one stands in the place of an answer.
    if (message === undefined && raw === undefined && (status === undefined || status < 400)) {
      return status === undefined ? out.damage(piece, "it has no message") : out.leaveOut("HTTP answer without a body");
    }
    out.message({
      message,
      raw: message === undefined ? raw ?? "" : undefined,
      direction: DIRECTIONS[dir],
      epochUs,
      sessionId,
      transport: this.#transportOf(line, sessionId),
      action: actionOf(line),
    });
  }

  end(): void {
    this.#missing.end();
  }

  /** How the server was started. */
  #meta(line: JsonView): void {
    const command = line.object("raw")?.value("command");
    if (!Array.isArray(command) || !command.every((word) => typeof word === "string")) return;
    const [program, ...args] = maskArguments(command);
    this.#out.facts({ transport: { type: "stdio", command: program ?? null, args } });
  }

  #transportOf(line: JsonView, sessionId: string | undefined): TransportMetadata | undefined {
    const other = sessionId === this.#session ? undefined : sessionId;
    if (line.string("transport") !== "http") return other === undefined ? undefined : { other: { connection: other } };
    const status = line.number("status");
    const notes = HTTP_FIELDS.flatMap((name) => {
      const value = line.string(name);
      return value === undefined ? [] : [[name, value]];
    });
    const connection = line.string("conn_id");
    const params = line.value("mcp_param_headers");
    return {
      http: {
        ...(Number.isSafeInteger(status) && status! >= 0 ? { status } : {}),
        ...(connection === undefined && other === undefined ? {} : { connection: connection ?? other }),
        ...Object.fromEntries(notes),
        // It takes a batch apart.
        ...(line.isTrue("batch") ? { batch: true } : {}),
        ...(params === undefined ? {} : { mcp_param_headers: params }),
      },
    };
  }
}

/** What mcpsnoop itself has done with its copy of a message. */
function actionOf(line: JsonView): InterceptAction | undefined {
  const [truncated, redacted] = [line.isTrue("truncated"), line.isTrue("redacted")];
  if (!truncated && !redacted) return undefined;
  return { by: "mcpsnoop", ...(truncated ? { truncated } : {}), ...(redacted ? { redacted } : {}) };
}
