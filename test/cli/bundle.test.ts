import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { readdir, writeFile } from "node:fs/promises";
import * as module from "node:module";
import { join, relative } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { VERSION } from "../../src/mod.ts";
import { thisRuntime } from "../helpers/child.ts";
import { inScratch } from "../helpers/scratch.ts";
import { commands, mainHelp } from "./commands.ts";
import { putTape, Session } from "./sample-tape.ts";

const main = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

/** The command as it is published, on this runtime. */
function published(args: readonly string[], env: Readonly<Record<string, string>> = {}, input = "") {
  const [program, ...before] = thisRuntime().command;
  const { status, stdout, stderr } = spawnSync(program, [...before, main, ...args], {
    encoding: "utf8",
    env: { ...process.env, NO_COLOR: "1", ...env },
    input,
  });
  return { status, stdout, stderr };
}

test("the published command is there: npm run build makes it", () => {
  assert.ok(existsSync(main), main);
  assert.match(readFileSync(main, "utf8"), /^#!\/usr\/bin\/env node\n/);
});

test("the published command keeps the licenses of what it contains", () => {
  const kept = readFileSync(join(main, "../LICENSES.txt"), "utf8");
  for (const name of ["ulid", "valibot"]) {
    const file = readdirSync(`node_modules/${name}`).find((file) => file.startsWith("LICENSE"))!;
    assert.ok(kept.includes(`${name}\n\n${readFileSync(`node_modules/${name}/${file}`, "utf8").trim()}\n`), name);
  }
});

test("the published command imports packages that are not in it, as not every Node 20 takes ES modules otherwise", () => {
  const { peerDependencies } = JSON.parse(readFileSync("package.json", "utf8")) as { peerDependencies: object };
  const names = Object.keys(peerDependencies);
  assert.ok(names.includes("age-encryption"));
  let imported = 0;
  for (const file of readdirSync(join(main, "..")).filter((name) => name.endsWith(".js"))) {
    const text = readFileSync(join(main, "..", file), "utf8");
    for (const name of names) {
      assert.not.ok(text.includes(`require("${name}`), `${file} requires ${name}`);
      if (text.includes(`import("${name}`)) imported++;
    }
  }
  assert.ok(imported > 0);
});

test("the published command says what the sources say", () => {
  assert.equal(published(["--version"]), { status: 0, stdout: `tapeline ${VERSION}\n`, stderr: "" });
  assert.is(published(["--help"]).stdout, mainHelp);
  for (const { name, help } of commands) assert.is(published([name, "--help"]).stdout, help, name);
});

test("the published command explains wrong use in one line, whichever file notices it", () => {
  for (const args of [["bogus"], ["--bogus"], ["info", "--bogus"], ["record"], ["--dir"]]) {
    const { status, stderr } = published(args);
    assert.is(status, 2, args.join(" "));
    assert.match(stderr, /^tapeline: [^\n]+\n$/);
  }
});

test("the published command records, and reads what it has recorded", () =>
  inScratch(async (folder) => {
    const message = '{"jsonrpc":"2.0","id":1,"method":"ping"}\n';
    const env = { TAPELINE_DIR: folder };
    assert.equal(published(["record", "--", "cat"], env, message), { status: 0, stdout: message, stderr: "" });
    assert.is(published(["cat", "--raw", "latest"], env).stdout, message.repeat(2));
    for (const name of ["info", "list", "verify"]) assert.is(published([name], env).status, 0, name);
    assert.is((await readdir(folder)).length, 2);
  }));

// Deno and Bun keep things of their own in that folder.
if (thisRuntime().name.startsWith("node")) {
  test("what Node has compiled is kept in the cache folder of the user, and is missed by nobody", () =>
    inScratch(async (folder) => {
      await putTape(folder, "one", new Session("x").client(1, { id: 1 }).plainText());
      const info = (XDG_CACHE_HOME: string) => published(["info", join(folder, "one.jsonl")], { XDG_CACHE_HOME });
      const file = join(folder, "no-folder");
      await writeFile(file, "");
      const cache = join(folder, "cache");
      const [without, first, second] = [info(file), info(cache), info(cache)];
      assert.equal([first.status, first.stderr], [0, ""]);
      assert.equal([without, second], [first, first]);
      if (process.platform === "linux") assert.is(existsSync(cache), "enableCompileCache" in module);
    }));

  test("NODE_COMPILE_CACHE and NODE_DISABLE_COMPILE_CACHE say where what is compiled is kept, and that it is not", () =>
    inScratch(async (folder) => {
      const isThere = "enableCompileCache" in module;
      const cache = { XDG_CACHE_HOME: join(folder, "cache") };
      const kept = () => [existsSync(join(cache.XDG_CACHE_HOME, "tapeline", "compiled")), existsSync(own)];
      const own = join(folder, "own");
      await putTape(folder, "one", new Session("x").client(1, { id: 1 }).plainText());
      const list = (env: Readonly<Record<string, string>>) =>
        assert.is(published(["--dir", folder, "list"], { ...cache, ...env }).status, 0);
      list({ NODE_DISABLE_COMPILE_CACHE: "1" });
      assert.equal(kept(), [false, false]);
      list({ NODE_COMPILE_CACHE: own });
      assert.equal(kept(), [false, isThere]);
      list({});
      assert.equal(kept(), [isThere && process.platform === "linux", isThere]);
    }));

  test("what Node has compiled makes no home folder, and none where the command runs", () =>
    inScratch(async (folder) => {
      await putTape(folder, "one", new Session("x").client(1, { id: 1 }).plainText());
      const home = join(folder, "home");
      const list = (env: Record<string, string>) =>
        published(["list", "--dir", folder], { XDG_CACHE_HOME: "", ...env });
      const first = list({ HOME: home });
      assert.equal(list({ XDG_CACHE_HOME: relative(".", join(folder, "cache")), HOME: home }), first);
      assert.equal((await readdir(folder)).filter((name) => !name.startsWith("one.")), []);
      // Node would try for ever to make a folder there.
      if (process.platform === "linux") assert.equal(list({ HOME: "/proc" }), first);
    }));
}

test.run();
