import { member } from "../../json/member.ts";
import type { MessageHeader } from "../jsonrpc.ts";
import type { TapePeer } from "../metadata.ts";

const META = "io.modelcontextprotocol/";
const MAX_NAME = 200;

/**
 * Who talks on a tape, as they introduce themselves: with `initialize`, or since MCP 2026-07-28 in the `_meta` of every
 * message. Foreign text of at most 200 characters, not escaped.
 */
export class Peers {
  client: TapePeer | undefined;
  server: TapePeer | undefined;
  /** The MCP revision that the two agreed on. */
  protocolVersion: string | undefined;

  /** Takes in the next message. Who was first to introduce himself counts. */
  see({ header, message }: { readonly header: MessageHeader; readonly message: unknown }): void {
    if (header.kind === "request") {
      const params = member(message, "params");
      const meta = member(params, "_meta");
      this.client ??= implementation(member(meta, `${META}clientInfo`) ?? member(params, "clientInfo"));
      this.protocolVersion ??= text(member(meta, `${META}protocolVersion`));
    } else if (header.kind === "response") {
      const result = member(message, "result");
      this.server ??= implementation(
        member(member(result, "_meta"), `${META}serverInfo`) ?? member(result, "serverInfo"),
      );
      this.protocolVersion ??= text(member(result, "protocolVersion"));
    }
  }
}

/** `everything 1.0.0` */
export function peerText({ name, version }: TapePeer): string {
  return version == null ? name : `${name} ${version}`;
}

function implementation(value: unknown): TapePeer | undefined {
  const name = text(member(value, "name"));
  const version = text(member(value, "version"));
  return name === undefined ? undefined : version === undefined ? { name } : { name, version };
}

/** A slice would keep all of a long text in memory for as long as it lives. */
function text(value: unknown): string | undefined {
  if (typeof value !== "string") return undefined;
  return value.length <= MAX_NAME ? value : [...value.slice(0, MAX_NAME)].join("");
}
