import { member } from "../../json/member.ts";
import type { Path } from "../syntax/expression.ts";

/**
 * Whether something fits of what the path leads to. An array on the way, or at its end, stands for each of its elements;
 * a number in the path takes one of them.
 */
export function someAt(value: unknown, path: Path, fits: (found: unknown) => boolean, level = 0): boolean {
  if (level === path.length) {
    return Array.isArray(value) && value.length > 0 ? value.some(fits) || fits(value) : fits(value);
  }
  const name = path[level]!;
  if (!Array.isArray(value)) {
    const found = member(value, name);
    return found !== undefined && someAt(found, path, fits, level + 1);
  }
  if (/^\d{1,9}$/.test(name)) {
    const found: unknown = value[Number(name)];
    return found !== undefined && someAt(found, path, fits, level + 1);
  }
  // Arrays in arrays are not gone into: they may be nested as deep as there are bytes.
  return value.some((element) => !Array.isArray(element) && someAt(element, path, fits, level));
}
