import type { LineEncoder } from "../../lines/coded-line.ts";
import type { TapeMetadata } from "../../records/metadata.ts";
import type { Derived } from "./derive.ts";

/**
 * What stands beside a tape that was made of others.
 *
 * @param source that of its source, where there is only one: what is known of the session stays
 * @param name of the new tape; that of its source is not taken over, as a name means one tape
 */
export function derivedMetadata(
  { init, stats, performance, end }: Pick<Derived, "init" | "stats" | "performance" | "end">,
  source: TapeMetadata | undefined,
  name: string | undefined,
): TapeMetadata {
  const now = new Date().toISOString();
  const { description, tags, transport, environment, client_info, server_info, protocol_version } = source ??
    ({} as Partial<TapeMetadata>);
  const kept = { name, description, tags, transport, environment, client_info, server_info, protocol_version };
  return {
    tape_id: init.tape_id,
    ...Object.fromEntries(Object.entries(kept).filter(([, value]) => value != null)),
    created_at: init.created_at,
    updated_at: now,
    finalized_at: now,
    status: "finalized",
    ...(end === undefined ? {} : { end }),
    derived_from: init.derived_from,
    stats,
    performance,
  };
}

/** Metadata as they are put beside a tape whose lines are coded so: sealed, where it is encrypted. */
export function keptMetadata(metadata: TapeMetadata, encoder: LineEncoder | undefined): TapeMetadata {
  return encoder?.sealMetadata?.(metadata) ?? metadata;
}
