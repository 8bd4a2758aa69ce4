import { JsonView } from "../../../json/split/json-view.ts";
import type { TransportMetadata } from "../../../records/record.ts";
import { type ForeignFormat, type ForeignOutput, type ForeignReader, type Piece, textOf } from "../../format.ts";
import { HoldBack } from "../../hold-back.ts";
import { HarEntry } from "./har-entry.ts";

/** HAR files of browsers and proxies: what is JSON-RPC in the bodies of their exchanges, and in their WebSockets. */
export const har: ForeignFormat = {
  name: "har",
  title: "a HAR file",
  cut: ["log", "log.entries"],
  fits: ({ paths }) =>
    paths.has("log") && ["version", "creator", "browser", "pages", "entries"].some((name) => paths.has(`log.${name}`)),
  reader: (out) => new Reader(out),
};

class Reader implements ForeignReader {
  readonly #out: ForeignOutput;
  readonly #order: HoldBack;
  #count = 0;
  /** When the latest exchange has started. */
  #startedUs = 0;

  constructor(out: ForeignOutput) {
    this.#out = out;
    this.#order = new HoldBack((message) => out.message(message));
  }

  read(piece: Piece): void {
    if (piece.path === "log.entries[]") return this.#entry(piece);
    const view = JsonView.of(piece.block, piece.start, piece.end);
    if (piece.path === "log.creator" && view !== undefined) {
      const [name, version] = [view.string("name") ?? "", view.string("version") ?? ""];
      this.#out.facts({ tool: `${name} ${version}`.trim() || undefined });
    } else if (piece.path === "log.version") {
      this.#out.facts({ version: textOf(piece) });
    }
  }

  end(): void {
    this.#order.passed(Infinity);
  }

  #entry(piece: Piece): void {
    const out = this.#out;
    const number = this.#count++;
    const view = JsonView.of(piece.block, piece.start, piece.end);
    if (view?.object("request") === undefined) return out.damage(piece, "it is no entry with a request");
    const entry = new HarEntry(view);
    const said = entry.said();
    for (const what of entry.cutOff) out.damage(piece, `the ${what} is JSON-RPC that is cut off`);
    if (said.length === 0) return out.leaveOut("HTTP exchange without JSON-RPC");
    for (const what of entry.leftOut) out.leaveOut(what);
    if (entry.lacksBody) out.leaveOut("body of an answer that is not in the file");
    this.#startedUs = Math.max(this.#startedUs, entry.startUs ?? 0);
    this.#order.passed(this.#startedUs);
    const url = entry.url;
    out.facts({ transport: { type: entry.isSocket ? "websocket" : "http", ...(url ? { url: url.href } : {}) } });
    const asked = transportOf(entry, number, url?.pathname, undefined);
    const answered = transportOf(entry, number, url?.pathname, entry.status);
    for (const { direction, message, raw, us, orderUs } of said) {
      const transport = direction === "client_to_server" ? asked : answered;
      this.#order.add(Math.max(orderUs, this.#startedUs), { message, raw, direction, epochUs: us, transport });
    }
  }
}

/** Ids of messages are unique within a session, or, where it has no name, within an exchange. */
function transportOf(
  entry: HarEntry,
  number: number,
  path: string | undefined,
  status: number | undefined,
): TransportMetadata {
  const scope = entry.session !== undefined
    ? { connection: entry.session, entry: number }
    : entry.isSocket
    ? { connection: number }
    : { exchange: number };
  return {
    http: {
      ...(entry.method === undefined ? {} : { method: entry.method }),
      ...(path === undefined ? {} : { path }),
      ...(status === undefined ? {} : { status }),
      ...scope,
    },
  };
}
