import { homedir } from "node:os";
import { join } from "node:path";
import { UsageError } from "../command.ts";
import { escapeControls } from "../terminal/text.ts";

/**
 * A path as a shell would have handed it on: in the configuration of a client no shell puts the home folder in the place
 * of `~`.
 *
 * @param home the home folder; by default that of who runs us
 * @throws {UsageError} it starts with the home folder of somebody else, or nobody knows the home folder
 */
export function homePath(path: string, home: string | undefined): string {
  const [, user, rest = ""] = /^~([^/]*)(\/[^]*)?$/.exec(path) ?? [];
  if (user === undefined) return path;
  const quoted = `"${escapeControls(path)}"`;
  if (user !== "") {
    throw new UsageError(
      `Cannot use ${quoted}: only ~ and ~/ stand for a home folder; for a name that starts so write ./~`,
    );
  }
  const folder = home || homeOfUser();
  if (!folder) throw new UsageError(`Cannot use ${quoted}: there is no home folder that ~ could stand for`);
  return join(folder, rest);
}

function homeOfUser(): string | undefined {
  try {
    return homedir();
  } catch {
    // There is no such user, or we are not permitted to know.
    return undefined;
  }
}
