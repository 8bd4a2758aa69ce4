/**
 * Part of `npm run build`: makes the command of the package, `dist/cli/`. The library is compiled file by file; the command
 * is bundled, because to find and load a hundred files takes longer than most commands do. Each `import()` of `cli/main.ts`
 * becomes one file with all that it needs, as CommonJS: what an ES module imports from Node is looked at export by export,
 * which opens streams that nobody uses.
 */
import { chmodSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { build, type Plugin } from "esbuild";

const output = "dist/cli";
const main = resolve("src/cli/main.ts");

/** The files that `main.ts` loads. */
const loaded = Array.from(
  readFileSync(main, "utf8").matchAll(/import\("(.+?)"\)/g),
  ([, path]) => resolve(dirname(main), path!),
);

/** Leaves what `main.ts` loads to the file of its own. */
const apart: Plugin = {
  name: "apart",
  setup({ onResolve }) {
    onResolve(
      { filter: /./ },
      ({ kind, importer, path }) =>
        kind === "dynamic-import" && importer === main
          ? { path: `./${basename(path, ".ts")}.js`, external: true }
          : undefined,
    );
  },
};

rmSync(output, { recursive: true, force: true });
await build({
  entryPoints: [main, ...loaded].map((path) => ({ in: path, out: basename(path, ".ts") })),
  outdir: output,
  bundle: true,
  format: "cjs",
  platform: "node",
  target: "node20",
  plugins: [apart],
  supported: { "dynamic-import": false },
  define: { "import.meta.filename": "__filename" },
  // Both are under the MIT license, which wants to be named.
  banner: { js: "// Contains valibot, (c) Fabian Hiller, and ulid, (c) 2017 Alizain Feerasta: MIT License." },
  alias: { ulid: resolve("node_modules/ulid/dist/browser/index.js") },
});
for (const path of [main, ...loaded]) {
  const file = `${output}/${basename(path, ".ts")}.js`;
  writeFileSync(file, withPlainRequires(readFileSync(file, "utf8")));
}
writeFileSync(`${output}/package.json`, '{ "type": "commonjs" }\n');
chmodSync(`${output}/main.js`, 0o755);

/** Node's own modules as they are: to make ES modules of them, esbuild copies every property of each, which takes 2 ms. */
function withPlainRequires(code: string): string {
  return code
    .replaceAll(/__toESM\((require\("node:[^"]+"\)), 1\)/g, "$1")
    .replaceAll(/\b(import_node_\w+)\.default\b/g, "$1");
}
