import { existsSync, readdirSync, readFileSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import fc from "../helpers/properties.ts";
import { jsonText } from "../../src/mod.ts";
import { loadPolicy, redaction } from "../../src/redact.ts";
import { knownSecrets } from "./secrets.ts";

const test = suite("hostile");
const key = "a key that is long enough";
const direction = "client_to_server";

/** The text of a message without its secrets. */
function textIn(message: object): string {
  const clean = redaction({}, { key }).envelope({ message: jsonText(JSON.stringify(message)), direction });
  return (clean.message as { text: string }).text;
}

test("redaction() gets through hostile texts, in time that grows with their length only", () => {
  // Where the time grew with the square of the length, these would take many minutes.
  const parts = [
    ...["eyJ", "eyJa.", "sk-", "ghp_", "xoxb-", ":AA", "-----BEGIN PRIVATE KEY-----", "-----BEGIN ", "-----", "1//0"],
    ...[
      "://",
      "x://a",
      "x://a:b@",
      "Bearer ",
      "token ",
      "password=",
      "password: ",
      '"password":"',
      "\\",
      '\\"',
      "'",
      '"',
    ],
    ...[
      "%3D",
      "%",
      "password%3D",
      "aGVsbG8gd29ybGQgaGVsbG8gd29ybGQg",
      "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB",
      "A/",
      "_",
      "=",
    ],
    ...[
      "key=",
      "?key=a&",
      "[REDACTED:a:",
      "[",
      "{",
      "{}",
      ",",
      ":",
      "\u00e9",
      "\ud800",
      "-",
      "--token ",
      "cookie: a=b; ",
    ],
  ];
  for (const part of parts) {
    const text = part.repeat(400_000 / part.length);
    const clean = redaction({}, { key });
    clean.text(text);
    clean.record({ type: "log", ts: 0, stream: "stderr", text });
    clean.envelope({ message: jsonText(JSON.stringify({ password: text, text, [text]: 1 })), direction });
    clean.envelope({ message: jsonText(text), direction });
    clean.envelope({ raw: text, direction });
  }
});

test("redaction() gets through deep nesting, of brackets, and of texts in texts", () => {
  const depth = 300_000;
  const open = '{"password":['.repeat(depth / 10);
  const message = jsonText(`${open}"hunter2"${"]}".repeat(depth / 10)}`);
  const { message: after } = redaction({}, { key }).envelope({ message, direction });
  assert.not((after as { text: string }).text.includes("hunter2"));

  let text = "password=hunter2hunter2";
  for (let n = 0; n < 14; n++) text = JSON.stringify({ a: text });
  assert.not(redaction({}, { key }).text(text).includes("hunter2"));
  text = "the password=hunter2hunter2 is here";
  for (let n = 0; n < 30; n++) text = btoa(text);
  let clean = redaction({}, { key }).text(text);
  for (let n = 0; n < 30; n++) clean = atob(clean);
  assert.match(clean, /^the password=\[REDACTED:named-secret:[0-9a-f]{12}\] is here$/);
  // Beyond so many levels nobody looks: what stands there is replaced as a whole.
  for (let n = 0; n < 45; n++) text = btoa(text.slice(0, 4000));
  assert.ok(redaction({}, { key }).text(text).length > 0);
});

test("redaction() finds a secret in base64 whose first letters have a slash, escaped or not", () => {
  // Text in UTF-8 that begins with a character of four bytes is "8J…"; its base64 has a slash where bits fall so.
  for (const start of ["{\u{1f600} ", "{\u{1f63f} ", "~\u00ff", "{\u03ff", "\u00ff\u00ff", "?\u00ff?"]) {
    for (const prefix of ["", "a", "ab"]) {
      const plain = `${prefix}${start} password=hunter2hunter2 and more`;
      const text = btoa(String.fromCharCode(...new TextEncoder().encode(plain)));
      for (const spelled of [JSON.stringify({ text }), JSON.stringify({ text }).replaceAll("/", "\\/")]) {
        const { message } = redaction({}, { key }).envelope({ message: jsonText(spelled), direction });
        const after = JSON.parse((message as { text: string }).text) as { text: string };
        assert.match(atob(after.text), /password=\[REDACTED/, `${spelled} of ${plain}`);
      }
    }
  }
});

test("redaction() finds a secret in the middle of a long text", () => {
  const secret = "gh" + "p_" + "aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0z012345";
  for (const at of [0, 60_000, 64_500, 65_535, 200_000]) {
    const text = `${"lorem ipsum ".repeat(20_000).slice(0, at)} ${secret} ${"dolor ".repeat(20_000)}`;
    assert.not(redaction().text(text).includes(secret), `${at}`);
  }
});

test("redacting twice changes nothing, where a secret stands in what looks like a type", () => {
  const jwt =
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiI0NzExIiwibmFtZSI6Im1lIn0.5mS83jQ6zgNtYE9rWB7pU0gN4xdK2vaH1U05mS83jQ6";
  for (const value of [`${jwt}[]`, `Bearer ${jwt}[0]`, `${jwt}()`, `f(${jwt})`]) {
    const once = textIn({ Authorization: value });
    assert.not(once.includes("eyJ"), once);
    assert.is(textIn(JSON.parse(once)), once);
  }
});

test("the word before a key may be anywhere before it in the name", () => {
  const clean = redaction({}, { key });
  const redacted = (text: string) => {
    const { message } = clean.envelope({ message: jsonText(text), direction });
    return (message as { text: string }).text.includes("[REDACTED:named-secret:");
  };
  const ways = (name: string) => {
    const object = `{${name}:"hunter2"}`;
    const named = `{"value":"hunter2","name":${name}}`;
    return [object, named, JSON.stringify({ text: object }), JSON.stringify(JSON.stringify({ text: object }))];
  };
  for (
    const name of [
      "api:key",
      "api→keys",
      "Bearer ?Key",
      'a"is key',
      "api\u00a0key",
      "api,key",
      "api\n.key",
      "a: b: key2",
    ]
  ) {
    const escaped = JSON.stringify(name).replace(
      /[^\x20-\x7e]/g,
      (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
    );
    for (const text of [...ways(JSON.stringify(name)), ...ways(escaped)]) assert.ok(redacted(text), text);
  }
  for (const name of ["key", "?key", "é key", "cache:key"]) {
    for (const text of ways(JSON.stringify(name))) assert.not(redacted(text), text);
  }
});

test("what the quick look finds nothing in, the thorough one finds nothing in", async () => {
  // A rule without a name to look for has every text looked at.
  const thorough = redaction(await loadPolicy({ rules: [{ name: "never", paths: ["/9/9/9/9/9"] }] }), { key });
  const quick = redaction({}, { key });
  const parts = [
    ...Object.values(knownSecrets()),
    ...[
      "password",
      "token",
      "apiKey",
      "API_KEY",
      "key",
      "Authorization",
      "cookie",
      "progressToken",
      "API ",
      "Key",
      "auth",
      "sig",
      "pwd",
    ],
    ...[
      "=",
      ": ",
      ":",
      '"',
      "'",
      "\\",
      "\n",
      " ",
      "&",
      "?",
      "--",
      ",",
      "{",
      "}",
      "[",
      "]",
      "/",
      "://",
      "@",
      "%3D",
      "%40",
      "%2F",
    ],
    ...[
      "\u2192",
      "api",
      "is ",
      "cache",
      "keys",
      "hunter2",
      "abc",
      "Bearer ",
      "Basic ",
      "a=b",
      "\u00e9",
      "\ud83d\ude00",
      "value",
      "name",
      "xyz123xyz123",
    ],
  ];
  const text = fc.array(fc.constantFrom(...parts), { maxLength: 9 }).map((all) => all.join(""));
  const json = fc.letrec((tie) => ({
    value: fc.oneof(
      text,
      text.map((each) => btoa(unescape(encodeURIComponent(each.toWellFormed())))),
      tie("object"),
      tie("array"),
      tie("nested"),
    ),
    object: fc.dictionary(text, tie("value"), { maxKeys: 3 }),
    array: fc.array(tie("value"), { maxLength: 3 }),
    nested: tie("value").map((value) => JSON.stringify(value)),
  })).value;
  const escaped = (spelled: string) =>
    spelled.replaceAll("/", "\\/").replace(
      /[^\x20-\x7e]/g,
      (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
    );
  fc.assert(
    fc.property(json, fc.boolean(), (value, isEscaped) => {
      const spelled = isEscaped ? escaped(JSON.stringify(value)) : JSON.stringify(value);
      const [a, b] = [quick, thorough].map((clean) => {
        const { message } = clean.envelope({ message: jsonText(spelled), direction });
        return (message as { text: string }).text;
      });
      assert.is(a, b);
      const { message } = quick.envelope({ message: jsonText(a!), direction });
      assert.is((message as { text: string }).text, a, "redacting twice changes something");
      JSON.parse(a!);
    }),
    { numRuns: 3000 },
  );
});

test("redaction() hits nothing that is no secret", () => {
  const data = new URL("../../../shared/data/", import.meta.url);
  if (!existsSync(data)) return console.log("skip: ../shared/data is not here");
  let strings = 0;
  const check = (value: unknown, name: string) => {
    strings += JSON.stringify(value).match(/"(?:[^"\\]|\\.)*"/g)?.length ?? 0;
    const text = JSON.stringify(value);
    const { message } = redaction({}, { key }).envelope({ message: jsonText(text), direction });
    assert.is((message as { text: string }).text, text, name);
  };
  for (const name of readdirSync(new URL("mcp-2026-07-28/", data), { recursive: true, encoding: "utf8" })) {
    if (name.endsWith(".json")) check(JSON.parse(readFileSync(new URL(`mcp-2026-07-28/${name}`, data), "utf8")), name);
  }
  for (const text of JSON.parse(readFileSync(new URL("blns.json", data), "utf8"))) check({ params: { text } }, text);
  assert.ok(strings > 1000, `${strings}`);
});

test.run();
