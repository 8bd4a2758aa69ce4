/**
 * `npm run docs`: the API reference as a folder of web pages, made from the sources, and a look at every link in it and
 * in the documents of the repository.
 *
 * ```sh
 * npm run docs                  # into api/; open api/index.html
 * npm run docs -- --output DIR
 * ```
 *
 * Ends with 1 if a link leads nowhere.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";

const { values } = parseArgs({ options: { output: { type: "string", default: "api" } } });
const output = resolve(values.output);
/** What people import, and its source: `.` and `./file` in deno.json. */
const faces: readonly (readonly [specifier: string, source: string])[] = Object.entries(
  (JSON.parse(readFileSync("deno.json", "utf8")) as { exports: Record<string, string> }).exports,
);

/** Writes the pages. */
function build(): void {
  rmSync(output, { recursive: true, force: true });
  const sources = faces.map(([, source]) => source);
  const args = ["doc", "--html", "--quiet", "--name=tapeline", `--output=${output}`, ...sources];
  const { error, status, stderr } = spawnSync("deno", args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`Cannot build the API reference: ${error?.message ?? stderr}`);
  for (const page of pagesIn(output)) {
    const text = readFileSync(page, "utf8");
    const mended = withMethods(withExamples(withLinks(withSpecifiers(text), dirname(page))), dirname(page));
    if (mended !== text) writeFileSync(page, mended);
  }
}

/** The pages name modules by their file; people import them by the name of the package. */
function withSpecifiers(html: string): string {
  return html.replace(/( from &quot;)([a-z.]+)(&quot;;)/g, (whole, before, name, after) => {
    if (name === ".") return `${before}tapeline${after}`;
    return faces.some(([specifier]) => specifier === `./${name}`) ? `${before}tapeline/${name}${after}` : whole;
  });
}

/** Makes a link of `tapeline/file` where a page mentions it. */
function withLinks(html: string, folder: string): string {
  return html.replace(/<code>tapeline\/([a-z]+)<\/code>/g, (code, name) => {
    const target = join(output, name, "index.html");
    return existsSync(target) ? `<a href="${relative(folder, target)}">${code}</a>` : code;
  });
}

/** The navigation points at `example_0`, which the generator leaves out. */
function withExamples(html: string): string {
  let count = 0;
  return html.replaceAll('<h3 class="example-header"', (tag) => `${tag} id="example_${count++}"`);
}

/** Lists point at `method_close_0`; on the page a method is numbered by its place. */
function withMethods(html: string, folder: string): string {
  return html.replace(/(href=")([^"]+)#(method_[a-z_]+)_0"/gi, (whole, before, path, name) => {
    const page = resolve(folder, decoded(path));
    const place = existsSync(page) && [...anchorsOf(page)].find((id) => id.replace(/_\d+$/, "") === name);
    return place ? `${before}${path}#${place}"` : whole;
  });
}

function pagesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".html")).map((name) => join(folder, name));
}

/** The links of a page or document to files of our own that are not there, or to headings that are not in them. */
function deadLinks(file: string): string[] {
  const text = readFileSync(file, "utf8");
  const targets = file.endsWith(".md")
    ? [...text.replace(/```[^]*?```|`[^`\n]*`/g, "").matchAll(/\]\(([^)\s]+)\)/g)]
    : [...text.matchAll(/<a\b[^>]*\shref="([^"]+)"/g)];
  return targets.map(([, target = ""]) => decoded(target)).filter((target) => {
    if (/^[a-z]+:/.test(target)) return false;
    const [path = "", anchor] = target.split("#");
    const found = path === "" ? file : resolve(dirname(file), decodeURI(path));
    if (!existsSync(found)) return true;
    return anchor !== undefined && anchor !== "" && statSync(found).isFile() &&
      !anchorsOf(found).has(decodeURI(anchor));
  });
}

/** An attribute of a page as it is meant. */
function decoded(text: string): string {
  return text.replace(/&#x([0-9a-f]+);/gi, (_, digits) => String.fromCodePoint(parseInt(digits, 16)))
    .replaceAll("&quot;", '"').replaceAll("&amp;", "&");
}

/** What a link into a file can point at: ids of a page, headings of a document. */
function anchorsOf(file: string): ReadonlySet<string> {
  const text = readFileSync(file, "utf8");
  if (!file.endsWith(".md")) return new Set([...text.matchAll(/\sid="([^"]+)"/g)].map(([, id = ""]) => decoded(id)));
  return new Set(
    [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
      heading.toLowerCase().replace(/[^\p{L}\p{N} _-]/gu, "").trim().replaceAll(" ", "-")
    ),
  );
}

build();
const documents = [
  "README.md",
  ...readdirSync("docs").filter((name) => name.endsWith(".md")).map((name) => `docs/${name}`),
];
const files = [...documents.map((path) => resolve(path)), ...pagesIn(output)];
const dead = files.flatMap((file) => deadLinks(file).map((target) => `${relative(process.cwd(), file)}: ${target}`));
for (const line of dead) console.log(`dead link in ${line}`);
console.log(
  `${files.length} pages and documents in ${relative(process.cwd(), output) || "."}, ${dead.length} dead links`,
);
if (dead.length > 0) process.exitCode = 1;
