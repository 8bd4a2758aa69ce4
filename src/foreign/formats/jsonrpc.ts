import { JsonBytes } from "../../json/json-bytes.ts";
import type { JsonShape } from "../../json/json-shape.ts";
import type { JsonView } from "../../json/split/json-view.ts";
import type { ForeignFormat } from "../format.ts";

/** A log with one JSON-RPC message a line and nothing else, so that nothing says when each came and who sent it. */
export const jsonrpc: ForeignFormat = {
  name: "jsonrpc",
  title: "a log of JSON-RPC messages, one a line",
  cut: "lines",

  fits: ({ lines }) => lines.length > 0 && lines.filter(isBare).length * 2 > lines.length,

  reader: (out) => ({
    read(piece) {
      const message = new JsonBytes(piece.block, piece.start, piece.end);
      const { shape } = message;
      if (shape === undefined) out.damage(piece, "it is not JSON");
      else if (!isMessage(shape)) out.damage(piece, "it is no JSON-RPC message");
      else out.message({ message, direction: undefined });
    },
  }),
};

/** Whether it asks, tells or answers something, or may be a batch. */
function isMessage({ type, method, result, error }: JsonShape): boolean {
  return type === "array" || method !== undefined || result !== undefined || error !== undefined;
}

/** Whether a line is a message to which no recorder has added anything. */
function isBare(line: JsonView): boolean {
  return line.string("jsonrpc") === "2.0" && line.object("_meta")?.string("dir") === undefined;
}
