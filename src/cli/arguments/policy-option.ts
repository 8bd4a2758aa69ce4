import { isTapeError } from "../../errors.ts";
import { type LoadedPolicy, loadPolicy } from "../../redact/policy/loaded-policy.ts";
import { defaultPolicy, type RedactPolicy } from "../../redact/policy/policy.ts";
import { type Redaction, redaction, type RedactOptions } from "../../redact/redaction.ts";
import { type CommandIo, UsageError } from "../command.ts";
import { escapeControls } from "../terminal/text.ts";
import { smallFile } from "./small-file.ts";

/** The options of the commands that redact, or look for secrets. */
export const POLICY_OPTIONS = {
  policy: { type: "string" },
  keep: { type: "string", multiple: true },
  secretlint: { type: "boolean" },
} as const;

/** How their help explains them. */
export const POLICY_HELP = `  --policy FILE     what else is a secret: a policy, in JSON (docs/sharing.md)
  --keep RULE       what this built-in rule finds is no secret; may be given
                    several times
  --secretlint      by the rules that secretlint recommends as well; it is slow,
                    and has to be installed (docs/sharing.md)
`;

/** Their values. */
export interface PolicyValues {
  readonly policy?: string | undefined;
  readonly keep?: readonly string[] | undefined;
  readonly secretlint?: boolean | undefined;
}

/** What is a secret, and what its tokens are made with. */
export interface GivenPolicy extends RedactOptions {
  readonly policy: LoadedPolicy;
}

/** A longer file is no policy. */
const MAX_POLICY_BYTES = 1024 * 1024;
const MIN_KEY_BYTES = 16;

/**
 * The policy that the options name, and its key: what stands in the environment variable that it names.
 *
 * @throws {UsageError} there is no such file, it is no policy, or its key is not there
 */
export async function policyOptions(values: PolicyValues, env: CommandIo["env"]): Promise<GivenPolicy> {
  const policy = await policyOption(values, env);
  return { policy, key: keyOf(policy.policy, env) };
}

/**
 * What takes the secrets out of a tape while it is recorded, by the policy that the options name and its key.
 *
 * @throws {UsageError} there is no such file, it is no policy or none for that, or its key is not there
 */
export async function redactionOption(values: PolicyValues, env: CommandIo["env"]): Promise<Redaction> {
  const { policy, key } = await policyOptions(values, env);
  if (policy.wantsSecretlint && values.policy !== undefined) {
    const why = "secretlint looks only through tapes that are there already";
    throw new UsageError(`Cannot use the policy ${escapeControls(values.policy)}: ${why}`);
  }
  return redaction(policy, { key });
}

/**
 * The policy that the options name, for who makes no tokens.
 *
 * @throws {UsageError} there is no such file, or it is no policy
 */
export async function policyOption(
  { policy: path, keep = [], secretlint = false }: PolicyValues,
  env: CommandIo["env"],
): Promise<LoadedPolicy> {
  const written = path === undefined ? defaultPolicy : await policyIn(path, env);
  const loaded = await refusing(() => loadPolicy(written), (why) => {
    return path === undefined ? `Cannot use a policy: ${why}` : `Cannot use the policy ${escapeControls(path)}: ${why}`;
  });
  if (keep.length === 0 && !secretlint) return loaded;
  // What is wrong with the file has been told of it.
  const both = { ...written, keep: [...written.keep ?? [], ...keep], ...(secretlint ? { secretlint } : {}) };
  return await refusing(
    () => loadPolicy(both),
    (why) => why.replace(/^keep\.(\d+)/, (_, at) => `--keep ${escapeControls(both.keep[Number(at)]!)}`),
  );
}

function keyOf({ key: variable }: RedactPolicy, env: CommandIo["env"]): string | undefined {
  if (variable === undefined) return undefined;
  const key = env[variable];
  if (key !== undefined && new TextEncoder().encode(key).length >= MIN_KEY_BYTES) return key;
  const why = key === undefined ? "which is not set" : `which is shorter than ${MIN_KEY_BYTES} bytes`;
  throw new UsageError(`Cannot make tokens: by the policy their key is in the variable ${variable}, ${why}`);
}

async function policyIn(path: string, env: CommandIo["env"]): Promise<RedactPolicy> {
  const text = await smallFile("the policy", path, MAX_POLICY_BYTES, env);
  try {
    return JSON.parse(text.replace(/^\ufeff/, "")) as RedactPolicy;
  } catch (cause) {
    // Another file may have been given, and what stands in it is nobody's business.
    const at = /at position (\d+)/.exec((cause as Error).message)?.[1];
    const where = at === undefined ? "" : `, from line ${text.slice(0, Number(at)).split("\n").length} on`;
    throw new UsageError(`Cannot use the policy ${escapeControls(path)}: it is not JSON${where}`, { cause });
  }
}

async function refusing(load: () => Promise<LoadedPolicy>, say: (why: string) => string): Promise<LoadedPolicy> {
  try {
    return await load();
  } catch (cause) {
    if (!isTapeError(cause, "invalid_argument")) throw cause;
    throw new UsageError(say(cause.message.replace(/^Cannot use a redaction policy: /, "")), { cause });
  }
}
