import { test } from "uvu";
import * as assert from "uvu/assert";
import type { FrameEnv } from "../../../src/mod.ts";
import { messageView, NO_LIMITS } from "../../../src/cli/report/message-view.ts";
import { styleFor, widthOf } from "../../../src/cli/terminal/text.ts";

const plain = styleFor({ isTty: false, env: {} });
const view = (
  env: FrameEnv,
  limits = NO_LIMITS,
) => [...messageView({ type: "frame", seq: 0, ts: 0, dir: "client_to_server", env }, plain, limits)];

test("messageView() says how much it has left out, and how to see it", () => {
  const message = { list: Array.from({ length: 1000 }, (_, at) => at) };
  const lines = view({ message }, { lines: 10, width: 80 });
  assert.is(lines.length, 11);
  assert.is(lines.at(-1), "… 994 more lines; --full shows all");
  assert.is(view({ message }).length, 1004);
  const wide = view({ message: { text: "x".repeat(1000) } }, { lines: 10, width: 80 });
  assert.equal([wide[1]!.length, wide.at(-1)], [80, "… lines were cut; --full shows all"]);
  assert.equal(view({ message: { text: "x" } }, { lines: 10, width: 80 }).length, 3);
});

test("messageView() lets nothing through that steers a terminal", () => {
  const evil = "\u001b]0;owned\u0007\u202e\u009b你好\u2028".repeat(50);
  for (const limits of [NO_LIMITS, { lines: 5, width: 70 }]) {
    for (const env of [{ message: { [evil]: evil, json: JSON.stringify([evil]) } }, { raw: `${evil}\n${evil}` }]) {
      for (const line of view(env, limits)) {
        assert.not(/[\p{Cc}\p{Cf}\p{Zl}]/u.test(line));
        assert.ok(widthOf(line) <= limits.width);
      }
    }
  }
});

test("messageView() shows what is no JSON as text", () => {
  assert.equal(view({ raw: "Listening\non 3000" }), ["Listening", "on 3000"]);
  assert.equal(view({ raw: btoa("\xffA"), encoding: "base64" }), ["\ufffdA"]);
});

test.run();
