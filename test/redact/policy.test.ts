import { suite } from "uvu";
import * as assert from "uvu/assert";
import { loadPolicy, redaction, type RedactPolicy } from "../../src/redact.ts";

const test = suite("policy");
const key = "a key that is long enough";

async function shown(policy: RedactPolicy, message: unknown): Promise<string> {
  const after = redaction(await loadPolicy(policy), { key }).envelope({ message, direction: "client_to_server" });
  return (after.message as { text: string }).text.replace(/\[REDACTED:([\w-]+):[0-9a-f]{12}\]/g, "<$1>");
}

test("keys: the whole name counts, however it is spelled", async () => {
  const policy = { rules: [{ name: "customer", keys: ["customerEmail", "zip", "Straße", "id2"] }] };
  assert.is(
    await shown(policy, {
      customer_email: "a@b",
      CUSTOMEREMAIL: "a",
      "customer-email-2": "b",
      zip: "c",
      unzip: "d",
      straße: "e",
      id2: "f",
    }),
    '{"customer_email":"<customer>","CUSTOMEREMAIL":"<customer>","customer-email-2":"b","zip":"<customer>","unzip":"d","straße":"<customer>","id2":"<customer>"}',
  );
  assert.is(
    await shown(policy, { text: "customerEmail=a1b2c3 and more" }),
    '{"text":"customerEmail=<customer> and more"}',
  );
  assert.is(
    await shown(policy, { headers: { "Mcp-Param-Customer-Email": "x" } }),
    '{"headers":{"Mcp-Param-Customer-Email":"<customer>"}}',
  );
});

test("keys: a number is replaced by the very name that it has, and nothing that describes it", async () => {
  const policy = { rules: [{ name: "customer", keys: ["pin", "customerId"] }] };
  const message = {
    pin: 4711,
    customer_id: [12, -3.5e7, true, null, "x"],
    schema: { properties: { pin: { type: "integer", minimum: 1 } } },
    nested: JSON.stringify({ customerId: 5 }),
    other: 1,
  };
  assert.is(
    await shown(policy, message),
    '{"pin":"<customer>","customer_id":["<customer>","<customer>",true,null,"<customer>"],' +
      '"schema":{"properties":{"pin":{"type":"integer","minimum":1}}},"nested":"{\\"customerId\\":\\"<customer>\\"}","other":1}',
  );
});

test("paths: strings and numbers there and below, with * for any name", async () => {
  const policy = { rules: [{ name: "ssn", paths: ["/params/arguments/ssn", "/result/*/nr", "/a~1b/0"] }] };
  assert.is(
    await shown(policy, {
      params: { arguments: { ssn: 123456789, other: { ssn: "1" } } },
      result: [{ nr: ["1", 2, null, true] }],
      "a/b": ["x", "y"],
    }),
    '{"params":{"arguments":{"ssn":"<ssn>","other":{"ssn":"1"}}},"result":[{"nr":["<ssn>","<ssn>",null,true]}],"a/b":["<ssn>","y"]}',
  );
});

test("patterns: what they match, in every string, by the rules of RE2", async () => {
  const policy = {
    rules: [{ name: "ticket", pattern: "TICKET-[0-9]+" }, { name: "word", pattern: "geheim\\w*", flags: "i" }],
  };
  const text = await shown(policy, {
    a: "see TICKET-12 and TICKET-13",
    b: "ein GEHEIMNIS",
    c: btoa("the text: TICKET-99 is here"),
  });
  const { c, ...rest } = JSON.parse(text) as Record<string, string>;
  assert.equal(rest, { a: "see <ticket> and <ticket>", b: "ein <word>" });
  assert.match(atob(c!), /^the text: \[REDACTED:ticket:[0-9a-f]{12}\] is here$/);
});

test("keep: a built-in rule is not applied", async () => {
  const message = { password: "hunter2", url: "https://me:pw1@host/" };
  assert.is(
    await shown({ keep: ["named-secret"] }, message),
    '{"password":"hunter2","url":"https://<url-credentials>@host/"}',
  );
  assert.is(
    await shown({ keep: ["url-credentials"] }, message),
    '{"password":"<named-secret>","url":"https://me:pw1@host/"}',
  );
});

test("a policy that is wrong is refused, and told where it is", async () => {
  const cases: [policy: unknown, why: RegExp][] = [
    [[], /^Cannot use a redaction policy: it must be an object, not an array$/],
    [{ rule: [] }, /rule/],
    [{ rules: [{ name: "a", keys: ["b"] }, { name: "A B", keys: ["x"] }] }, /rules\.1\.name: Expected small letters/],
    [{ rules: [{ name: "jwt", keys: ["x"] }] }, /rules\.0\.name: This is the name of a built-in rule/],
    [{ rules: [{ name: "a" }] }, /rules\.0: Expected one of keys, paths and pattern/],
    [{ rules: [{ name: "a", keys: ["x"], pattern: "y" }] }, /rules\.0: Expected one of/],
    [{ rules: [{ name: "a", paths: ["params"] }] }, /rules\.0\.paths\.0: Expected a JSON Pointer/],
    [{ rules: [{ name: "a", keys: ["x"], flags: "i" }] }, /flags only with a pattern/],
    [{ rules: [{ name: "a", pattern: "(" }] }, /rules\.0\.pattern: /],
    [{ rules: [{ name: "a", pattern: "(?=x)y" }] }, /rules\.0\.pattern: /],
    [{ rules: [{ name: "a", pattern: "x*" }] }, /rules\.0\.pattern: it would match an empty text/],
    [{ keep: ["github-tokn"] }, /keep\.0: there is no such built-in rule; did you mean github-token\?/],
    [{ key: "a b" }, /key: Expected the name of a variable/],
  ];
  for (const [policy, why] of cases) {
    await loadPolicy(policy as RedactPolicy).then(
      () => assert.unreachable(JSON.stringify(policy)),
      (error) => {
        assert.is(error.code, "invalid_argument");
        assert.match(error.message, why);
      },
    );
  }
});

test("policies that say the same have the same hash, others another one", async () => {
  const hash = async (policy: RedactPolicy) => (await loadPolicy(policy)).hash;
  const rules = [{ name: "a", keys: ["x"] }];
  assert.is(await hash({}), await hash({ rules: [], keep: [], key: "X", $schema: "y" }));
  assert.is(await hash({ rules, keep: ["jwt"] }), await hash({ keep: ["jwt"], rules: [{ keys: ["x"], name: "a" }] }));
  assert.not((await hash({ rules })) === (await hash({})));
  assert.not((await hash({ keep: ["jwt"] })) === (await hash({})));
});

test.run();
