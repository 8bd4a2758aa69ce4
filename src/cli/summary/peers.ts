import { member } from "../../json/member.ts";
import type { SeenMessage } from "./calls.ts";
import { copyOf } from "../terminal/text.ts";

const META = "io.modelcontextprotocol/";
const MAX_NAME = 200;

/**
 * Who talks on a tape, as they introduce themselves: with `initialize`, or since MCP 2026-07-28 in the `_meta` of every
 * message. Foreign text, not escaped.
 */
export class Peers {
  client: string | undefined;
  server: string | undefined;
  /** The MCP revision that the two agreed on. */
  protocolVersion: string | undefined;

  /** Takes in the next message. Who was first to introduce himself counts. */
  see({ header, message }: SeenMessage): void {
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

function implementation(value: unknown): string | undefined {
  const name = text(member(value, "name"));
  const version = text(member(value, "version"));
  return name === undefined || version === undefined ? name : `${name} ${version}`;
}

function text(value: unknown): string | undefined {
  return typeof value === "string" ? copyOf(value, MAX_NAME) : undefined;
}
