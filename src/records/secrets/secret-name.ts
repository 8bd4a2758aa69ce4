// A name is judged by its words, so that `--author`, `--keyboard` and `--token-limit` are none: what it names is its last
// word, and the word before that says of which kind.

/** Where one word of a name ends and the next begins: `apiKey`, `API_KEY`, `x-api-key`, `XMLToken`. */
const BETWEEN_WORDS = /[^A-Za-z0-9]+|(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])/;

/** Names that are longer are judged by their end. */
const MAX_NAME = 200;

const SECRET_WORDS: ReadonlySet<string> = new Set([
  ...[
    "auth",
    "authorization",
    "bearer",
    "cookie",
    "cookies",
    "creds",
    "credential",
    "credentials",
    "jwt",
    "otp",
    "pass",
  ],
  ...["passcode", "passphrase", "passwords", "pat", "pwd", "secrets", "sig", "signature", "token", "tokens", "totp"],
  ...["accesskey", "privatekey", "secretkey", "apikeys"],
]);

/** Words that are written together with the one before them: `dbpassword`. */
const SECRET_ENDS = ["password", "passwd", "secret", "apikey", "authtoken", "accesstoken"];

/** A key of such a kind opens nothing, nor does such a token. */
const HARMLESS_KEYS: ReadonlySet<string> = new Set([
  ...[
    "cache",
    "column",
    "foreign",
    "group",
    "hot",
    "idempotency",
    "index",
    "json",
    "log",
    "message",
    "object",
    "order",
  ],
  ...["partition", "primary", "pub", "public", "routing", "row", "search", "shortcut", "sort", "translation", "unique"],
]);
const HARMLESS_TOKENS: ReadonlySet<string> = new Set([
  ...["bos", "cancel", "cancellation", "completion", "context", "continuation", "count", "end", "eos", "input", "max"],
  ...["min", "n", "new", "next", "num", "output", "pad", "page", "progress", "prompt", "reasoning", "start", "stop"],
  ...["sync", "thinking", "total", "unk", "used"],
]);

/** What may stand behind the word that counts: `API_KEY_2`, `TOKEN_PROD`. */
const TRAILING: ReadonlySet<string> = new Set([
  ...["b64", "base64", "default", "dev", "hex", "live", "main", "old", "prod", "production", "raw", "secondary"],
  ...["staging", "test", "text", "value"],
]);

/** What starts the name of a switch, which has no value of its own. */
const SWITCHES: ReadonlySet<string> = new Set([
  ...["allow", "disable", "enable", "has", "is", "no", "require", "skip", "use", "with", "without"],
]);

/**
 * Whether what goes by this name, an option, a variable, a header, a field, is probably a secret: `--api-key`,
 * `GITHUB_TOKEN`, `Authorization`, `clientSecret`. Its words count, not its letters. Takes time in proportion to its length.
 *
 * @example
 * ```ts
 * isSecretName("dbPassword"); // true
 * isSecretName("--token-limit"); // false
 * ```
 */
export function isSecretName(name: string): boolean {
  const words = name.slice(-MAX_NAME).split(BETWEEN_WORDS).filter((word) => word !== "")
    .map((word) => word.toLowerCase().replace(/(?<=[a-z])[0-9]+$/, ""));
  while (words.length > 1 && (TRAILING.has(words.at(-1)!) || /^[0-9]+$/.test(words.at(-1)!))) words.pop();
  const [before, last] = [words.at(-2), words.at(-1)];
  // The working directory goes by that name.
  if (last === undefined || name === "PWD" || name === "OLDPWD" || SWITCHES.has(words[0]!)) return false;
  if (last === "key" || last === "keys") return before !== undefined && !HARMLESS_KEYS.has(before);
  if (last === "token" || last === "tokens") return before === undefined || !HARMLESS_TOKENS.has(before);
  return SECRET_WORDS.has(last) || SECRET_ENDS.some((end) => last.endsWith(end));
}

/**
 * Texts of which one stands in every name of a secret, but for those that say it with `pat`, which is in too many words: for those who
 * look for names in a hurry.
 */
export const SECRET_STEMS: readonly string[] = [
  ...["auth", "bearer", "cookie", "cred", "jwt", "key", "otp", "pass", "pwd", "secret", "sig", "token"],
];
