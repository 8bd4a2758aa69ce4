import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path/posix";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";

const root = fileURLToPath(new URL("..", import.meta.url));
const test = suite("architecture");

/** Every file of `src/`, by its path there. */
const files = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
  .map((path) => path.replaceAll("\\", "/")).filter((path) => path.endsWith(".ts")).sort();
const texts = new Map(files.map((file) => [file, readFileSync(join(root, "src", file), "utf8")]));

/** The places of the list in docs/architecture.md, from the ground up. */
const floors = /## Which way the arrows run[^]*?```\n([^]*?)```/.exec(
  readFileSync(join(root, "docs/architecture.md"), "utf8"),
)![1]!.trim().split("\n").map((line) => line.split(" "));

/** Which line of the list a file stands on: that of the longest place which holds it. */
function floorOf(file: string): number {
  let [floor, length] = [-1, 0];
  for (const [at, places] of floors.entries()) {
    for (const place of places) {
      const holds = place.endsWith("/") ? file.startsWith(place) : file === place;
      if (holds && place.length > length) [floor, length] = [at, place.length];
    }
  }
  return floor;
}

/** What a file imports of `src/`, whether it is loaded at once, later, or only as a type. */
function importsOf(file: string): string[] {
  const specifiers = texts.get(file)!.matchAll(/(?:\bfrom|\bimport\(|^import)\s*"(\.[^"]+)"/gm);
  return [...specifiers].map(([, specifier = ""]) => normalize(join(dirname(file), specifier)));
}

test("docs/architecture.md names a place for every file, and none that is empty", () => {
  assert.equal(files.filter((file) => floorOf(file) < 0), []);
  const places = floors.flat();
  const held = (place: string) => files.some((file) => place.endsWith("/") ? file.startsWith(place) : file === place);
  assert.equal(places.filter((place) => !held(place)), []);
});

test("no import runs back", () => {
  const back = files.flatMap((file) =>
    importsOf(file).filter((target) => floorOf(target) > floorOf(file)).map((target) => `${file} -> ${target}`)
  );
  assert.equal(back, []);
});

test("no files import each other in a circle", () => {
  const open: string[] = [];
  const done = new Set<string>();
  const circles: string[] = [];
  const visit = (file: string): void => {
    if (done.has(file)) return;
    const at = open.indexOf(file);
    if (at >= 0) {
      circles.push([...open.slice(at), file].join(" -> "));
      return;
    }
    open.push(file);
    for (const target of importsOf(file)) if (target !== file) visit(target);
    open.pop();
    done.add(file);
  };
  for (const file of files) visit(file);
  assert.equal(circles, []);
});

test("only what touches the machine imports node: modules", () => {
  const touches = /^(sinks\/file\/|sources\/file\/|stores\/file\.ts|mcp\/|cli\/)/;
  assert.equal(
    files.filter((file) => !touches.test(file) && /(\bfrom|\bimport\(|^import)\s*"node:/m.test(texts.get(file)!)),
    [],
  );
});

test("only mcp/, cli/, records/jsonrpc.ts and records/messages/ name a method of MCP", () => {
  const knows = /^(mcp\/|cli\/|records\/jsonrpc\.ts|records\/messages\/)/;
  const code = (file: string) => texts.get(file)!.replace(/\/\*[^]*?\*\/|\/\/.*$/gm, "");
  const method = /"(initialize|server\/discover|(tools|prompts|resources|tasks|notifications)\/[a-z/]+)"/;
  assert.equal(files.filter((file) => !knows.test(file) && method.test(code(file))), []);
});

/** One for each export of the package. */
const faces = Object.values<string>(JSON.parse(readFileSync(join(root, "deno.json"), "utf8")).exports)
  .map((path) => path.replace("./src/", ""));

test("the public faces only re-export", () => {
  assert.ok(faces.includes("mod.ts") && faces.length >= 4);
  for (const face of faces) {
    const code = texts.get(face)!.replace(/\/\*[^]*?\*\/|\/\/.*$/gm, "");
    assert.equal(code.replace(/export\s+(type\s+)?(\*|\{[^}]*\})\s+from\s+"[^"]+";/g, "").trim(), "", face);
  }
});

test("tests import the sources: by its name they would get another copy of the package, the one that was built", () => {
  const tests = readdirSync(join(root, "test"), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".ts") && !path.endsWith("-d.ts") && !path.includes("node_modules"));
  const byName = tests.filter((path) =>
    /^(import|\}) .*from "tapeline/m.test(readFileSync(join(root, "test", path), "utf8"))
  );
  assert.equal(byName, []);
});

test("no folder has more than twelve files beside the public faces", () => {
  const counts = new Map<string, number>();
  for (const file of files.filter((file) => !faces.includes(file))) {
    counts.set(dirname(file), (counts.get(dirname(file)) ?? 0) + 1);
  }
  assert.equal([...counts].filter(([, count]) => count > 12), []);
});

test.run();
