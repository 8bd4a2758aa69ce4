import { test } from "uvu";
import * as assert from "uvu/assert";
import { jsonText, type MessageEnvelope } from "../../src/mod.ts";
import { redaction } from "../../src/redact.ts";
import { knownSecrets, leaks } from "./secrets.ts";

type Place = (secret: string) => MessageEnvelope;
const told = (message: unknown): MessageEnvelope => ({
  message,
  direction: "client_to_server",
});

/** Everywhere that a secret may stand in a message. */
const places: Readonly<Record<string, Place>> = {
  argument: (secret) => told({ id: 1, method: "tools/call", params: { name: "x", arguments: { text: secret } } }),
  "middle of an argument": (secret) => told({ params: { arguments: { text: `a (${secret}) b` } } }),
  result: (secret) => told({ id: 1, result: { content: [{ type: "text", text: `it is\n${secret}\n` }] } }),
  error: (secret) => told({ id: 1, error: { code: 1, message: `wrong: ${secret}` } }),
  key: (secret) => told({ result: { [secret]: 1 } }),
  method: (secret) => told({ method: secret }),
  "JSON in a string": (secret) => told({ result: { text: JSON.stringify({ deep: [{ value: secret }] }) } }),
  "JSON in JSON in a string": (secret) =>
    told({ result: { text: JSON.stringify({ body: JSON.stringify({ text: secret }) }) } }),
  "JSON that is cut off": (secret) => told({ result: { text: `{"a":[${JSON.stringify(`x ${secret}`)},` } }),
  base64: (secret) => told({ result: { blob: btoa(`some text, then ${secret} and so on`) } }),
  "base64 of JSON": (secret) => told({ result: { blob: btoa(JSON.stringify({ a: { b: secret } })) } }),
  base64url: (secret) =>
    told({ uri: `x://y/${btoa(`?? ${secret} >>`).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "")}` }),
  "base64 in base64": (secret) => told({ result: { blob: btoa(`more: ${btoa(`here is ${secret} in it`)}`) } }),
  "base64 in lines": (secret) =>
    told({ result: { blob: btoa(`text and text and ${secret} and`).replace(/.{76}/g, "$&\r\n") } }),
  "escaped slashes": (secret) => told(jsonText(JSON.stringify({ a: secret }).replaceAll("/", "\\/"))),
  "nothing but escapes": (secret) =>
    told(jsonText(`["${secret.replace(/[^]/g, (char) => "\\u" + char.charCodeAt(0).toString(16).padStart(4, "0"))}"]`)),
  "behind an escape": (secret) => told(jsonText(`["\\u4e2d${JSON.stringify(secret).slice(1)}]`)),
  "header in transport": (secret) => ({
    ...told({ id: 1 }),
    transport: { http: { method: "POST", headers: { authorization: secret, "x-other": secret } } },
  }),
  "list of headers": (secret) => ({ ...told({ id: 1 }), transport: { http: { headers: [["X-Thing", secret]] } } }),
  "path in transport": (secret) => ({
    ...told({ id: 1 }),
    transport: { http: { path: `/mcp?token=${encodeURIComponent(secret)}` } },
  }),
  "parameter header": (secret) => ({
    ...told({ id: 1 }),
    transport: { http: { headers: { "Mcp-Param-Text": secret } } },
  }),
  "wrapped parameter header": (secret) => ({
    ...told({ id: 1 }),
    transport: { http: { headers: { "Mcp-Param-ApiKey": `=?base64?${btoa(secret)}?=` } } },
  }),
  action: (secret) => ({ ...told({ id: 1 }), action: { note: secret } }),
  raw: (secret) => ({ raw: `not JSON: ${secret.replaceAll("\n", " ")}`, direction: "server_to_client" }),
  "raw in base64": (secret) => ({
    raw: btoa(`\xff\xfe ${secret.replaceAll("\n", " ")}`),
    encoding: "base64",
    direction: "server_to_client",
  }),
};

for (const [place, envelope] of Object.entries(places)) {
  test(`redaction() finds every known secret in: ${place}`, () => {
    for (const [kind, secret] of Object.entries(knownSecrets())) {
      const before = envelope(secret);
      assert.ok(leaks(textOf(before), secret), `the test would not see ${kind}`);
      const clean = redaction();
      const after = clean.envelope(before);
      assert.not(leaks(textOf(after), secret), `${kind}: ${textOf(after)}`);
      assert.equal(textOf(clean.envelope(after)), textOf(after), `${kind}: redacting twice changes something`);
    }
  });
}

test("redaction() finds every known secret in lines of stderr, also where they are cut", () => {
  for (const [kind, secret] of Object.entries(knownSecrets())) {
    for (const lines of [[`starting with ${secret}`], secret.split("\n"), ["a", `x=${secret}`, "b"]]) {
      const clean = redaction();
      const text = lines.flatMap((line) => line.split("\n")).map((text) =>
        (clean.record({ type: "log", ts: 0, stream: "stderr", text }) as { text: string }).text
      ).join("\n");
      assert.not(leaks(text, secret), `${kind}: ${text}`);
    }
  }
});

test("redaction() finds a secret that goes on in the next line, and leaves that of another stream alone", () => {
  const { githubClassic = "" } = knownSecrets();
  for (let cut = 12; cut < githubClassic.length; cut++) {
    const clean = redaction();
    const line = (stream: string, text: string) =>
      (clean.record({ type: "log", ts: 0, stream, text }) as { text: string }).text;
    const first = line("stderr", `token is ${githubClassic.slice(0, cut)}`);
    assert.is(line("other", "listening"), "listening");
    const second = line("stderr", githubClassic.slice(cut));
    assert.not((first + second).includes(githubClassic.slice(0, cut)), `${cut}: ${first}`);
    const rest = githubClassic.slice(cut);
    if (cut < 34) assert.not(second.includes(rest), `${cut}: ${second}`);
    assert.is(line("stderr", "listening on port 80"), "listening on port 80");
  }
});

function textOf(envelope: MessageEnvelope): string {
  const { message, ...rest } = envelope;
  const spelled = (message as { text?: string } | null | undefined)?.text ?? JSON.stringify(message ?? null);
  const text = `${spelled}\n${JSON.stringify(JSON.parse(spelled)).replaceAll("\\/", "/")}`;
  const raw = rest.encoding === "base64" ? atob(rest.raw as string) : "";
  const wrapped = JSON.stringify(rest).replace(/=\?base64\?([^?]*)\?=/g, (_all, base64: string) => atob(base64));
  return `${text}\n${wrapped}\n${raw}\n${decodeURIComponent(wrapped.replace(/%(?![0-9A-F]{2})/g, "%25"))}`;
}

test.run();
