import type { TapeState } from "../../tape/read/tape-state.ts";
import type { Style } from "../terminal/text.ts";

/** A state in the colour of what it means. */
export function paintState(text: string, state: TapeState, style: Style): string {
  switch (state) {
    case "finalized":
      return style.good(text);
    case "recording":
      return style.out(text);
    case "error":
    case "damaged":
    case "unreadable":
      return style.bad(text);
    case "interrupted":
      return style.warn(text);
    default:
      return style.dim(text);
  }
}
