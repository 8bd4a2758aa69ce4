import { readFileSync } from "node:fs";
import { Ajv } from "ajv";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { BUILT_IN_RULES } from "../../src/redact/detect/rules.ts";
import { checkPolicy } from "../../src/redact/policy/policy.ts";

const schema = JSON.parse(readFileSync(new URL("../../docs/redact-policy.schema.json", import.meta.url), "utf8"));
const isByJsonSchema = new Ajv().compile(schema);

function isPolicy(value: unknown): boolean {
  try {
    checkPolicy(value);
    return true;
  } catch {
    return false;
  }
}

const rule = (more: object) => ({ rules: [{ name: "a", keys: ["b"], ...more }] });
const path = (path: unknown) => ({ rules: [{ name: "a", paths: [path] }] });

/** Policies, and what is none. */
const POLICIES: readonly unknown[] = [
  ...[{}, { rules: [] }, { keep: [] }, { $schema: "x" }, { key: "TOKENS" }, { keep: ["jwt", "npm-token"] }, {
    secretlint: true,
  }],
  ...[rule({}), rule({ name: "a-1" }), rule({ name: "a".repeat(40) }), rule({ keys: ["Straße", "a b"] })],
  ...[path("/params/*/x"), path("/"), path("/a~0b~1c"), path("//")],
  ...[{ rules: [{ name: "a", pattern: "x" }] }, { rules: [{ name: "a", pattern: "x", flags: "ims" }] }],
];
const OTHERS: readonly unknown[] = [
  ...[
    null,
    [],
    "x",
    1,
    { ruls: [] },
    { rules: {} },
    { rules: [1] },
    { keep: "jwt" },
    { keep: [1] },
    { keep: ["jwtt"] },
    { $schema: 1 },
  ],
  ...[{ key: "A B" }, { key: "" }, { key: "1A" }, { key: 1 }, rule({ more: 1 }), rule({ flags: "i" })],
  ...[
    rule({ name: "A" }),
    rule({ name: "" }),
    rule({ name: "a".repeat(41) }),
    rule({ name: "1" }),
    rule({ name: "jwt" }),
  ],
  ...[rule({ keys: [] }), rule({ keys: [""] }), rule({ keys: [1] }), rule({ keys: "b" }), rule({ paths: ["/a"] })],
  ...[path(""), path("a"), path("/a~"), path("/a~2"), path(1), { rules: [{ keys: ["b"] }] }, {
    rules: [{ name: "a" }],
  }],
  ...[{ rules: [{ name: "a", pattern: "" }] }, { rules: [{ name: "a", pattern: "x", flags: "g" }] }],
  { rules: [{ name: "a", pattern: "x", keys: ["b"] }] },
];

test("the JSON Schema of policies takes what is taken here, and nothing else", () => {
  for (const [policies, isOne] of [[POLICIES, true], [OTHERS, false]] as const) {
    for (const policy of policies) {
      const text = JSON.stringify(policy);
      assert.is(isPolicy(policy), isOne, text);
      assert.is(isByJsonSchema(policy), isOne, text);
    }
  }
});

test("the JSON Schema of policies names all rules that are built in", () => {
  assert.equal(schema.definitions.builtInRule.enum, BUILT_IN_RULES);
});

test("a path of a policy is checked in linear time", () => {
  assert.is(isPolicy(path(`${"/".repeat(50_000)}~`)), false);
});

test.run();
