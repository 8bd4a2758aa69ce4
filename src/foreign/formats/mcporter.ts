import { JsonView } from "../../json/split/json-view.ts";
import type { Direction, TransportMetadata } from "../../records/record.ts";
import type { ForeignFormat } from "../format.ts";
import { epochUsOf } from "../instant.ts";

const DIRECTIONS: Readonly<Record<string, Direction | undefined>> = {
  send: "client_to_server",
  recv: "server_to_client",
};

/** So many servers have a transport that is kept for their next message. */
const MAX_SERVERS = 1000;

/** Recordings of `mcporter record`: a message a line, to which `_meta` was added. Several servers may be in one file. */
export const mcporter: ForeignFormat = {
  name: "mcporter",
  title: "a recording of mcporter",
  cut: "lines",

  fits: ({ lines }) => lines.length > 0 && lines.filter(isRecorded).length * 2 > lines.length,

  reader(out) {
    const transports = new Map<string, TransportMetadata>();
    const room = new Uint8Array(64 * 1024);
    return {
      read(piece) {
        const line = JsonView.of(piece.block, piece.start, piece.end);
        const meta = line?.object("_meta");
        const dir = meta?.string("dir");
        if (line === undefined) return out.damage(piece, "it is not JSON");
        if (meta === undefined || dir === undefined) return out.damage(piece, "it has no _meta.dir");
        const server = meta.string("server") ?? "";
        const epochUs = epochUsOf(meta.string("ts"));
        if (dir === "lifecycle") {
          return out.log("mcporter", `${line.string("method") ?? "lifecycle"} ${server}`.trim(), { epochUs });
        }
        if (!Object.hasOwn(DIRECTIONS, dir)) out.note("some messages have a direction that mcporter does not know");
        const direction = Object.hasOwn(DIRECTIONS, dir) ? DIRECTIONS[dir] : undefined;
        let transport = transports.get(server);
        if (transport === undefined) {
          if (transports.size === MAX_SERVERS) transports.clear();
          transports.set(server, transport = { other: { connection: server } });
          out.facts({ name: server || undefined });
        }
        out.message({ message: line.without("_meta", room), direction, epochUs, transport });
      },
    };
  },
};

function isRecorded(line: JsonView): boolean {
  const meta = line.object("_meta");
  return meta !== undefined && meta.has("dir") && meta.has("ts");
}
