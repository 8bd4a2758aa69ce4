/**
 * Part of `npm run build`: makes the command of the package, `dist/cli/`. The library is compiled file by file; the command
 * is bundled, because to find and load a hundred files takes longer than most commands do. Each `import()` of `cli/main.ts`
 * becomes one file with all that it needs, as CommonJS: what an ES module imports from Node is looked at export by export,
 * which opens streams that nobody uses.
 *
 * `tsx scripts/bundle.ts FOLDER` makes it elsewhere.
 */
import { chmodSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import process from "node:process";
import { build, type BuildOptions, type Plugin } from "esbuild";

const output = process.argv[2] ?? "dist/cli";
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

/**
 * The process is the global one: what CommonJS gives to an import is looked at property by property, and of Bun's process that
 * opens second handles of the standard streams, so that who reads them never sees their end.
 */
const globalProcess: Plugin = {
  name: "global-process",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node:process$/ }, ({ path }) => ({ path, namespace: "global-process" }));
    onLoad({ filter: /./, namespace: "global-process" }, () => ({ contents: "export default process;" }));
  },
};

/** Packages that only some need are not bundled: they are loaded where they are used, if they are there. */
const { peerDependencies } = JSON.parse(readFileSync("package.json", "utf8")) as {
  readonly peerDependencies: Readonly<Record<string, string>>;
};
const optional = Object.keys(peerDependencies).flatMap((name) => [name, `${name}/*`]);

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

/** Bundles some files, and gives those that are in there. */
async function bundle(entries: readonly string[], more: BuildOptions): Promise<string[]> {
  const { metafile } = await build({
    ...more,
    entryPoints: entries.map((path) => ({ in: path, out: basename(path, ".ts") })),
    outdir: output,
    bundle: true,
    format: "cjs",
    platform: "node",
    target: "node20",
    plugins: [apart, globalProcess],
    external: optional,
    define: { "import.meta.filename": "__filename" },
    banner: { js: `// What is the work of others in the files of this folder is named in ${licenses}.` },
    metafile: true,
    alias: { ulid: resolve("node_modules/ulid/dist/browser/index.js") },
  });
  return Object.keys(metafile.inputs);
}

rmSync(output, { recursive: true, force: true });
const inputs = [
  // It loads CommonJS only, and sooner with `require()`.
  ...await bundle([main], { supported: { "dynamic-import": false } }),
  // Packages that are not bundled may be ES modules, which not every Node 20 takes with `require()`.
  ...await bundle(loaded, {}),
];
writeFileSync(
  `${output}/${licenses}`,
  packagesIn(inputs).map((name) => `${name}\n\n${licenseOf(name)}\n`).join("\n"),
);
writeFileSync(`${output}/package.json`, '{ "type": "commonjs" }\n');
chmodSync(`${output}/main.js`, 0o755);
