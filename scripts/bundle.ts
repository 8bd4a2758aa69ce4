/**
 * Part of `npm run build`: makes the command of the package, `dist/cli/`. The library is compiled file by file; the command
 * is bundled, because to find and load a hundred files takes longer than most commands do. Each `import()` of `cli/main.ts`
 * becomes one file with all that it needs, as CommonJS: what an ES module imports from Node is looked at export by export,
 * which opens streams that nobody uses.
 */
import { chmodSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { build, type Plugin } from "esbuild";

const output = "dist/cli";
const licenses = "LICENSES.txt";
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

/** The packages that files come from. */
function packagesIn(files: readonly string[]): string[] {
  const names = files.flatMap((file) => /(?<=^node_modules\/)(?:@[^/]+\/)?[^/]+/.exec(file) ?? []);
  return [...new Set(names)].sort();
}

/** Its text has to go with every copy. */
function licenseOf(name: string): string {
  const folder = `node_modules/${name}`;
  const file = readdirSync(folder).find((file) => /^licen[cs]e/i.test(file));
  if (file === undefined) throw new Error(`Cannot bundle ${name}: it has no license that could be kept`);
  return readFileSync(join(folder, file), "utf8").trim();
}

rmSync(output, { recursive: true, force: true });
const { metafile } = await build({
  entryPoints: [main, ...loaded].map((path) => ({ in: path, out: basename(path, ".ts") })),
  outdir: output,
  bundle: true,
  format: "cjs",
  platform: "node",
  target: "node20",
  plugins: [apart],
  supported: { "dynamic-import": false },
  define: { "import.meta.filename": "__filename" },
  banner: { js: `// What is the work of others in the files of this folder is named in ${licenses}.` },
  metafile: true,
  alias: { ulid: resolve("node_modules/ulid/dist/browser/index.js") },
});
writeFileSync(
  `${output}/${licenses}`,
  packagesIn(Object.keys(metafile.inputs)).map((name) => `${name}\n\n${licenseOf(name)}\n`).join("\n"),
);
writeFileSync(`${output}/package.json`, '{ "type": "commonjs" }\n');
chmodSync(`${output}/main.js`, 0o755);
