import { test } from "uvu";
import * as assert from "uvu/assert";
import fc from "../../helpers/properties.ts";
import { MASK, maskArguments, maskLog, maskSecrets } from "../../../src/records/secrets/mask-secrets.ts";
import { isSecretName } from "../../../src/records/secrets/secret-name.ts";

/** Nothing else in the tests has this in it. */
const SECRET = "s3cretX";

test("maskArguments() masks the value of what has the name of a secret, however it is given", () => {
  const cases: [args: string[], masked: string[]][] = [
    [["--api-key", SECRET], ["--api-key", MASK]],
    [["--api-key=" + SECRET, "x"], [`--api-key=${MASK}`, "x"]],
    [["-token", SECRET, "x"], ["-token", MASK, "x"]],
    [["--password", `-${SECRET}`], ["--password", MASK]],
    [["-H", `Authorization: Bearer ${SECRET}`], ["-H", `Authorization: Bearer ${MASK}`]],
    [["--header", `X-Api-Key: ${SECRET}`], ["--header", `X-Api-Key: ${MASK}`]],
    [[`--header=Authorization:${SECRET}`], [`--header=Authorization:${MASK}`]],
    [["-H", `Cookie: a=${SECRET}; b=${SECRET}`], ["-H", `Cookie: ${MASK}`]],
    [["env", `TOKEN=${SECRET}`, "A=1"], ["env", `TOKEN=${MASK}`, "A=1"]],
    [["docker", "run", "-e", `DB_PASSWORD=${SECRET} x`], ["docker", "run", "-e", `DB_PASSWORD=${MASK}`]],
    [[`-eTOKEN=${SECRET}`], [`-eTOKEN=${MASK}`]],
    [[`--env=TOKEN=${SECRET}&${SECRET}`], [`--env=TOKEN=${MASK}`]],
    [["--set", `server.apiKey=${SECRET}`], ["--set", `server.apiKey=${MASK}`]],
    [[`//registry.example/:_authToken=${SECRET}`], [`//registry.example/:_authToken=${MASK}`]],
  ];
  for (const [args, masked] of cases) assert.equal(maskArguments(args), masked);
});

test("maskSecrets() finds secrets in URLs, JSON and command lines", () => {
  const cases: [text: string, masked: string][] = [
    [`https://user:${SECRET}@host/p?q=1`, `https://${MASK}@host/p?q=1`],
    [`https://${SECRET}@host`, `https://${MASK}@host`],
    ["ssh://git@host/x", "ssh://git@host/x"],
    [`https://host/?token=${SECRET}&api_key=${SECRET}&q=1#x`, `https://host/?token=${MASK}&api_key=${MASK}&q=1#x`],
    [`https://host/?q=1&key=${SECRET}`, `https://host/?q=1&key=${MASK}`],
    [
      `{"a":"b","apiKey":"${SECRET}\\"${SECRET}","headers":{"Authorization": "Bearer ${SECRET}"}}`,
      `{"a":"b","apiKey":"${MASK}","headers":{"Authorization": "Bearer ${MASK}"}}`,
    ],
    [`{'token': '${SECRET}'}`, `{'token': '${MASK}'}`],
    [`curl -H 'X-Api-Key: ${SECRET}' https://host`, `curl -H 'X-Api-Key: ${MASK}' https://host`],
    [`curl -H "Authorization: Bearer ${SECRET}"`, `curl -H "Authorization: Bearer ${MASK}"`],
    [`x --api-key ${SECRET} --port 80; TOKEN=${SECRET} y`, `x --api-key ${MASK} --port 80; TOKEN=${MASK} y`],
    [`x --password='${SECRET} ${SECRET}' y`, `x --password='${MASK}' y`],
    [`x --password "${SECRET} ${SECRET}" y`, `x --password "${MASK}" y`],
  ];
  for (const [text, masked] of cases) assert.is(maskSecrets(text), masked);
});

test("maskArguments() leaves alone what only looks a little like a secret", () => {
  for (
    const args of [
      ["-p", "8080"],
      ["--token-limit", "5"],
      ["--max-tokens", "100"],
      ["--author", "me"],
      ["--keyboard", "us"],
      ["--secretary", "me"],
      ["compass=north", "tokenizer=bpe", "progressToken=7", "nextPageToken=a"],
      ["--no-auth", "server.js"],
      ["--auth", "--verbose", "x"],
      ["--auth=false", "TOKEN=", "TOKEN=$TOKEN", "--token", "${API_TOKEN}"],
      ["--sort-key", "name", "--public-key", "abc"],
      ["PWD=/home", "git@github.com:a/b", "C:\\x", "12:30 x", "@scope/name:1", "https://host:80/x"],
      ["--password-file", "/run/secret", "--api-key-name", "x"],
    ]
  ) assert.equal(maskArguments(args), args);
});

test("maskSecrets() masks what was masked no second time", () => {
  for (
    const text of [`--api-key=${SECRET}`, `https://a:${SECRET}@h?token=${SECRET}`, `Authorization: Bearer ${SECRET}`]
  ) {
    const once = maskArguments([text]);
    assert.equal(maskArguments(once), once);
  }
});

test("maskLog() finds secrets in what programs log, and lets prose through", () => {
  const cases = [
    [`Authorization: Bearer ${SECRET}`, "Authorization: Bearer [masked]"],
    [`> cookie: sid=${SECRET}; theme=dark`, "> cookie: [masked]"],
    [`< Set-Cookie: sid=${SECRET}; Path=/`, "< Set-Cookie: [masked]"],
    [`GET /items?page=2&access_token=${SECRET}#x 200`, "GET /items?page=2&access_token=[masked]#x 200"],
    [`connecting to postgres://app:${SECRET}@db/main`, "connecting to postgres://[masked]@db/main"],
    [`started with --api-key ${SECRET}`, "started with --api-key [masked]"],
    [`{"level":30,"apiKey":"${SECRET}"}`, '{"level":30,"apiKey":"[masked]"}'],
    ...[
      "the token: it is missing",
      "tokens: 17",
      "Basic authorization failed for user me",
      "no password was given; set PASSWORD=<your password>",
      "see https://example.com/docs#token",
    ].map((text) => [text, text]),
  ] as [text: string, masked: string][];
  for (const [text, masked] of cases) assert.is(maskLog(text), masked);
});

test("isSecretName() goes by the words of a name", () => {
  const secret = [
    ...[
      "apiKey",
      "API_KEY",
      "x-api-key",
      "apikey",
      "OPENAI_API_KEY_2",
      "AWS_SECRET_ACCESS_KEY",
      "githubToken",
      "token",
    ],
    ...[
      "client_secret",
      "dbpassword",
      "DB_PASS",
      "Authorization",
      "Proxy-Authorization",
      "XMLToken",
      "TOKEN_PROD",
      "jwt",
    ],
    ...["private-key", "passphrase", "Set-Cookie", "a.b.password", `${"x".repeat(100_000)}_token`],
  ];
  const harmless = [
    ...["", "key", "author", "keyboard", "token-limit", "progressToken", "compass", "bypass", "publicKey", "keyId"],
    ...["useToken", "no-password", "secret-name", "tokenizer", "monkey", "Content-Type", "maxTokens", "authority"],
  ];
  for (const name of secret) assert.ok(isSecretName(name), name);
  for (const name of harmless) assert.not(isSecretName(name), name);
});

test("maskSecrets() gets through hostile text, in time that grows with its length only", () => {
  // Where the time grew with the square of the length, these would take many minutes.
  const parts = [
    "a",
    "A",
    "-",
    "=",
    "a=",
    "a=a",
    "--a ",
    "--token ",
    '"a":"',
    "'a':'",
    "a:",
    "x://",
    "x://a:",
    "Bearer ",
  ];
  for (const part of [...parts, '"', "'", '\\"', " ", "aA", "token=", "?key=", "token:"]) {
    const text = part.repeat(500_000 / part.length);
    maskArguments([text, `sh ${text}`]);
  }
});

test("maskSecrets() changes nothing where there is no name of a secret", () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom("--a", "=", ":", " ", '"', "'", "x", "&", "?b=", "\\", "{", "//")),
      (parts) => {
        const text = parts.join("");
        assert.is(maskSecrets(text), text);
      },
    ),
  );
});

test.run();
