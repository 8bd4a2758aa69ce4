// Made when they are wanted, piece by piece, so that nobody who looks for secrets in this repository finds any.

/** Letters and digits that come to the same every time. */
export function letters(length: number, alphabet = "aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0z", seed = 1): string {
  let text = "";
  for (let n = 0; n < length; n++) text += alphabet[(n * 7 + seed * 5 + Math.floor(n / 11)) % alphabet.length];
  return text;
}

const hexOf = (length: number, seed = 1) => letters(length, "0a1b2c3d4e5f6789", seed);
const capitals = (length: number, seed = 1) => letters(length, "ABCDEFGH234567JKLMNPQRSTUVWXYZ", seed);
const base64url = (value: unknown) =>
  btoa(JSON.stringify(value)).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");

/** A secret of each kind that says itself what it is. */
export function knownSecrets(): Readonly<Record<string, string>> {
  return {
    jwt: `${base64url({ alg: "HS256", typ: "JWT" })}.${base64url({ sub: "4711", name: "me" })}.${letters(43)}`,
    awsKeyId: "AK" + "IA" + capitals(16),
    awsSession: "AS" + "IA" + capitals(16, 2),
    gcpKey: "AI" + "za" + letters(35),
    gcpToken: "ya" + "29." + letters(60),
    gcpSecret: "GOC" + "SPX-" + letters(28),
    azureConnection: "DefaultEndpointsProtocol=https;AccountName=x;Account" + `Key=${letters(86)}==`,
    githubClassic: "gh" + "p_" + letters(36),
    githubApp: "gh" + "s_" + letters(36, undefined, 2),
    githubFine: "github" + "_pat_" + letters(22) + "_" + letters(59),
    gitlab: "gl" + "pat-" + letters(20),
    npm: "np" + "m_" + letters(36),
    pypi: "py" + "pi-" + letters(90),
    rubygems: "ruby" + "gems_" + hexOf(48),
    docker: "dckr" + "_pat_" + letters(27),
    slackBot: "xo" + "xb-" + "123456789012-" + letters(24),
    slackApp: "xa" + "pp-1-" + letters(40),
    slackHook: "https://hooks.slack" + ".com/services/" + `T${capitals(8)}/B${capitals(8)}/${letters(24)}`,
    discordHook: "https://discord" + ".com/api/webhooks/123456789012345678/" + letters(68),
    stripe: "sk" + "_live_" + letters(24),
    stripeHook: "wh" + "sec_" + letters(32),
    anthropic: "sk-" + "ant-api03-" + letters(93),
    openai: "sk-" + "proj-" + letters(48),
    huggingface: "h" + "f_" + letters(34),
    groq: "gs" + "k_" + letters(52),
    replicate: "r" + "8_" + letters(37),
    sendgrid: "S" + "G." + letters(22) + "." + letters(43),
    mailgun: "ke" + "y-" + hexOf(32),
    digitalocean: "dop" + "_v1_" + hexOf(64),
    shopify: "shp" + "at_" + hexOf(32),
    telegram: "1234567890" + ":A" + "A" + letters(33),
    databricks: "da" + "pi" + hexOf(32),
    atlassian: "ATA" + "TT3" + letters(100),
    linear: "lin" + "_api_" + letters(40),
    grafana: "gl" + "sa_" + letters(32) + "_" + hexOf(8),
    newrelic: "NR" + "AK-" + capitals(27),
    vault: "hv" + "s." + letters(90),
    age: "AGE-SECRET" + "-KEY-1" + capitals(58),
    supabase: "sb" + "p_" + hexOf(40),
    doppler: "dp" + ".pt." + letters(43),
    figma: "fig" + "d_" + letters(40),
    privateKey: `-----BEGIN ${"PRIVATE"} KEY-----\n${letters(64)}\n${letters(64, undefined, 3)}\n${letters(20)}=\n` +
      `-----END ${"PRIVATE"} KEY-----`,
    bearer: "Bea" + `rer ${letters(40)}`,
    basic: "Bas" + `ic ${btoa(`user:${letters(12)}`)}`,
    urlPassword: `https://user:${letters(12)}@example.com/x`,
    database: `postgres://app:${letters(14)}@db.example.com:5432/main`,
  };
}

/** What of a secret must not be found anywhere: that which is not said of all of its kind. */
export function essence(secret: string): string {
  const parts = secret.match(/[A-Za-z0-9+/=_-]{10,}/g) ?? [secret];
  return parts.filter((part) => !/^(?:hooks|discord|postgres|example|DefaultEndpoint|AccountName|webhooks)/.test(part))
    .reduce((best, part) => part.length > best.length ? part : best, "");
}

/** Whether the end of a secret stands in a text, in whatever way it may be spelled there: as it is, or in base64, twice as well. */
export function leaks(text: string, secret: string, depth = 3): boolean {
  // Its last letters, so that a tail that was left is found too.
  const tail = essence(secret).slice(-12);
  if (text.includes(tail)) return true;
  if (depth === 0) return false;
  const whole = text.replaceAll(/\\r|\\n|\r|\n/g, "");
  return [text, whole].some((each) =>
    [...each.matchAll(/[A-Za-z0-9+/_-]{16,}/g)].some(([run]) =>
      [0, 1, 2, 3].some((skip) => leaks(decoded(run.slice(skip)), secret, depth - 1))
    )
  );
}

function decoded(base64: string): string {
  const standard = base64.replaceAll("-", "+").replaceAll("_", "/");
  return atob(standard.slice(0, standard.length - standard.length % 4)) + atobEnd(standard);
}

function atobEnd(base64: string): string {
  const rest = base64.length % 4;
  return rest < 2 ? "" : atob(base64.slice(-rest));
}
