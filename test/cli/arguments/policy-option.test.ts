import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { policyOption, policyOptions } from "../../../src/cli/arguments/policy-option.ts";
import { UsageError } from "../../../src/cli/command.ts";
import { inScratch } from "../../helpers/scratch.ts";

/** What is wrong with policies. */
const WRONG: readonly (readonly [text: string, why: string])[] = [
  ["", "it is not JSON"],
  ["[]", "it must be an object, not an array"],
  ["null", "it must be an object, not null"],
  ['{"ruls":[]}', "ruls: there is no such name; did you mean rules?"],
  ['{"x-y-z":[]}', "x-y-z: there is no such name; these are $schema, rules, keep, secretlint, key"],
  ['{"rules":[{"name":"a","kyes":["b"]}]}', "rules.0.kyes: there is no such name; did you mean keys?"],
  ['{"rules":{}}', "rules: Invalid type: Expected Array but received Object"],
  ['{"rules":[{"keys":["b"]}]}', 'rules.0.name: Invalid key: Expected "name" but received undefined'],
  [
    '{"rules":[{"name":"A B","keys":["b"]}]}',
    "rules.0.name: Expected small letters, digits and -, 40 at most, beginning with a letter",
  ],
  ['{"rules":[{"name":"jwt","keys":["b"]}]}', "rules.0.name: This is the name of a built-in rule"],
  ['{"rules":[{"name":"a"}]}', "rules.0: Expected one of keys, paths and pattern"],
  ['{"rules":[{"name":"a","keys":["b"],"flags":"i"}]}', "rules.0: Expected flags only with a pattern"],
  ['{"rules":[{"name":"a","paths":["b"]}]}', "rules.0.paths.0: Expected a JSON Pointer, such as /params/name"],
  ['{"rules":[{"name":"a","pattern":"x*"}]}', "rules.0.pattern: it would match an empty text"],
  ['{"rules":[{"name":"a","pattern":"(x"}]}', "rules.0.pattern: error parsing regexp: missing closing ): `(x`"],
  ['{"keep":["jwtt"]}', "keep.0: there is no such built-in rule; did you mean jwt?"],
  ['{"key":"A B"}', "key: Expected the name of a variable"],
];

test("policyOption() says what is wrong with a policy, where, and in which file", () =>
  inScratch(async (folder) => {
    const path = join(folder, "policy.json");
    for (const [text, why] of WRONG) {
      await writeFile(path, text);
      const error = await policyOption({ policy: path }, {}).then(() => undefined, (error) => error);
      assert.instance(error, UsageError, text);
      assert.is(error.message, `Cannot use the policy ${path}: ${why}`);
    }
  }));

test("policyOption() says nothing of what stands in a file that is no policy", () =>
  inScratch(async (folder) => {
    const path = join(folder, "policy.json");
    for (const text of ["hunter2=1", '{\n"a":1,\nhunter2=1']) {
      await writeFile(path, text);
      const error = await policyOption({ policy: path }, {}).then(() => undefined, (error) => error);
      assert.match(error.message, /^Cannot use the policy \S+: it is not JSON(, from line \d on)?$/);
    }
    await writeFile(path, " ".repeat(1024 * 1024 + 1));
    for (
      const [given, why] of [[path, "it is too long to be one"], [folder, "it is a folder"], [
        "gone",
        "there is no such file",
      ]]
    ) {
      const error = await policyOption({ policy: given }, {}).then(() => undefined, (error) => error);
      assert.is(error.message, `Cannot read the policy ${given}: ${why}`);
    }
  }));

test("policyOptions() takes a policy with a byte order mark, adds --keep to it, and takes its key from the environment", () =>
  inScratch(async (folder) => {
    const path = join(folder, "policy.json");
    await writeFile(path, '\ufeff{"$schema":"x","keep":["jwt"],"key":"TOKENS"}');
    const { policy, key } = await policyOptions({ policy: path, keep: ["npm-token"] }, { TOKENS: "0123456789abcdef" });
    assert.equal([policy.policy.keep, key], [["jwt", "npm-token"], "0123456789abcdef"]);
    const both = await policyOption({ policy: path, keep: ["npm"] }, {}).then(() => undefined, (error) => error);
    assert.is(both.message, "--keep npm: there is no such built-in rule; did you mean npm-token?");
    assert.equal((await policyOptions({}, {})).key, undefined);
  }));

test.run();
