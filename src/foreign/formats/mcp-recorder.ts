import { JsonView } from "../../json/split/json-view.ts";
import { maskArguments, maskSecrets } from "../../records/secrets/mask-secrets.ts";
import type { TapeTransport } from "../../records/metadata.ts";
import type { TransportMetadata } from "../../records/record.ts";
import { type ForeignFormat, type ForeignOutput, type ForeignReader, type Piece, textOf } from "../format.ts";
import { withoutSecrets } from "./without-secrets.ts";
import { epochUsOf, usOfMs } from "../instant.ts";

/**
 * Cassettes of mcp-recorder: one JSON document with the array `interactions`, each a request and its answer. Of the time
 * they have no more than how long each answer took.
 */
export const mcpRecorder: ForeignFormat = {
  name: "mcp-recorder",
  title: "a cassette of mcp-recorder",
  cut: ["interactions"],
  fits: ({ paths }) => paths.has("interactions") && (paths.has("metadata") || paths.has("version")),
  reader: (out) => new Reader(out),
};

class Reader implements ForeignReader {
  readonly #out: ForeignOutput;
  /** How long all answers so far took together. */
  #elapsedUs = 0;
  #count = 0;
  #isStdio = false;

  constructor(out: ForeignOutput) {
    this.#out = out;
    out.note("a cassette has no pauses between its exchanges: times are those of the answers, one behind the other");
  }

  read(piece: Piece): void {
    const view = JsonView.of(piece.block, piece.start, piece.end);
    if (piece.path === "interactions[]") this.#interaction(piece, view);
    else if (piece.path === "metadata" && view !== undefined) this.#metadata(view);
    else if (piece.path === "version") {
      this.#out.facts({ version: textOf(piece) });
    }
  }

  #metadata(view: JsonView): void {
    this.#isStdio = view.string("transport_type") === "stdio";
    const server = view.object("server_info")?.string("name");
    this.#out.facts({
      startedUs: epochUsOf(view.string("recorded_at")),
      protocolVersion: view.string("protocol_version"),
      name: server,
      transport: { type: view.string("transport_type") ?? "http", ...placeOf(view.string("server_url")) },
    });
  }

  #interaction(piece: Piece, view: JsonView | undefined): void {
    const out = this.#out;
    if (view === undefined) return out.damage(piece, "it is no interaction");
    const latencyUs = usOfMs(view.number("latency_ms")) ?? 0;
    const askedUs = this.#elapsedUs;
    this.#elapsedUs += latencyUs;
    const exchange = this.#count++;
    const status = view.number("response_status");
    if (view.string("type") === "lifecycle") {
      const [method, path] = [view.string("http_method") ?? "HTTP", view.string("http_path") ?? ""];
      return out.log("http", `${method} ${path} -> ${status ?? "?"}`, { elapsedUs: this.#elapsedUs });
    }
    const [request, response] = [view.json("request"), view.json("response")];
    const isMessage = (json: typeof request) => json?.shape?.type === "object" || json?.shape?.type === "array";
    if (!isMessage(request) && !isMessage(response)) {
      return out.damage(piece, "it has neither a request nor a response");
    }
    if (isMessage(request)) {
      const transport = this.#transport(exchange, undefined);
      out.message({ message: request, direction: "client_to_server", elapsedUs: askedUs, transport });
    }
    if (isMessage(response)) {
      const transport = this.#transport(exchange, status);
      out.message({ message: response, direction: "server_to_client", elapsedUs: this.#elapsedUs, transport });
    } else if (view.string("type") === "jsonrpc_request") {
      out.log("http", `HTTP ${status ?? "?"} without JSON to exchange ${exchange}`, { elapsedUs: this.#elapsedUs });
    }
  }

  /** An answer belongs to the request beside it, whatever other clients had the same id. */
  #transport(exchange: number, status: number | undefined): TransportMetadata {
    if (this.#isStdio) return { other: { exchange } };
    return { http: { method: "POST", ...(Number.isSafeInteger(status) && status! >= 0 ? { status } : {}), exchange } };
  }
}

/** Where the server is, or how it was started: `stdio://npx server --verbose`. Without secrets. */
function placeOf(given: string | undefined): Partial<TapeTransport> {
  if (!given) return {};
  const [, commandLine] = /^stdio:\/\/([^]*)$/i.exec(given) ?? [];
  if (commandLine !== undefined) {
    const [command, ...args] = argumentsIn(commandLine);
    return command === undefined ? {} : { command: maskSecrets(command), args: maskArguments(args) };
  }
  const url = /[?#@]/.test(given) ? withoutSecrets(given)?.href : given;
  return url ? { url } : {};
}

/** The words of a command line whose quotes are lost. The name of a header is one with all that may be its value. */
function argumentsIn(commandLine: string): string[] {
  const args: string[] = [];
  let isHeader = false;
  for (const word of commandLine.split(/\s+/)) {
    if (word === "") continue;
    if (isHeader && !word.startsWith("-")) args.push(`${args.pop()!} ${word}`);
    else {
      args.push(word);
      isHeader = /^[A-Za-z][\w-]*:$/.test(word);
    }
  }
  return args;
}
