import { createRequire } from "node:module";
import process from "node:process";
import type { Readable } from "node:stream";

/** What the demonstration needs of the MCP SDK. Not its own types: it is installed only where somebody wants it. */
interface Client {
  connect(transport: object, options?: RequestOptions): Promise<void>;
  listTools(params?: object, options?: RequestOptions): Promise<unknown>;
  listPrompts(params?: object, options?: RequestOptions): Promise<unknown>;
  callTool(params: object, schema?: undefined, options?: RequestOptions): Promise<unknown>;
  readResource(params: object, options?: RequestOptions): Promise<unknown>;
  close(): Promise<void>;
}

interface RequestOptions {
  readonly signal?: AbortSignal;
  readonly onprogress?: (progress: object) => void;
}

interface Sdk {
  readonly Client: new (info: { name: string; version: string }, options: object) => Client;
  readonly StdioClientTransport: new (server: { command: string; args: string[]; stderr: string }) => Transport;
}

interface Transport {
  readonly stderr: Readable | null;
}

/** What the demonstration runs on. */
export interface DemoParts {
  readonly sdk: Sdk;
  /** The script of the server. */
  readonly server: string;
}

const PACKAGES = ["@modelcontextprotocol/sdk", "@modelcontextprotocol/server-everything"] as const;

/**
 * Loads the client and finds the server.
 *
 * @throws {Error} they are not installed; the message says how to
 */
export async function loadDemoParts(): Promise<DemoParts> {
  const [sdk, everything] = PACKAGES;
  try {
    const { Client } = await import(`${sdk}/client/index.js`);
    const { StdioClientTransport } = await import(`${sdk}/client/stdio.js`);
    const server = createRequire(import.meta.filename!).resolve(`${everything}/dist/index.js`);
    return { sdk: { Client, StdioClientTransport }, server };
  } catch (cause) {
    throw new Error(`the demo needs two packages: npm install ${PACKAGES.join(" ")}`, { cause });
  }
}

/** This very program, to be started once more. */
function thisProgram(): string[] {
  const script = process.argv[1]!;
  return [...runtimeCommand(), ...process.versions.deno === undefined ? process.execArgv : [], script];
}

function runtimeCommand(): string[] {
  return process.versions.deno === undefined ? [process.execPath] : [process.execPath, "run", "--allow-all"];
}

/** An MCP session with a real server, under `tapeline record`. */
export class DemoSession {
  readonly #client: Client;
  readonly #transport: Transport;
  readonly #signal: AbortSignal;

  /** @param recordArgs what stands between `record` and `--` */
  constructor({ sdk, server }: DemoParts, recordArgs: readonly string[], signal: AbortSignal) {
    const [command, ...args] = [...thisProgram(), "record", ...recordArgs, "--", ...runtimeCommand(), server, "stdio"];
    this.#client = new sdk.Client({ name: "tapeline-demo", version: "1" }, { capabilities: {} });
    this.#transport = new sdk.StdioClientTransport({ command: command!, args, stderr: "pipe" });
    this.#signal = signal;
  }

  /** Starts the recorder, which starts the server, and introduces the client to it. */
  async connect(): Promise<void> {
    let said = "";
    this.#transport.stderr?.setEncoding("utf8").on("data", (text: string) => said = (said + text).slice(-1000));
    try {
      await this.#client.connect(this.#transport, { signal: this.#signal });
    } catch (cause) {
      const reason = said.trimEnd().split("\n").at(-1) || (cause instanceof Error ? cause.message : String(cause));
      throw new Error(`Cannot record the session: ${reason.replace(/^tapeline: /, "")}`, { cause });
    }
  }

  /** A few minutes of a client's life, in seconds. */
  async talk(): Promise<void> {
    const client = this.#client;
    const options = { signal: this.#signal };
    const call = (name: string, args: object, more: RequestOptions = {}) =>
      client.callTool({ name, arguments: args }, undefined, { ...options, ...more });

    await client.listTools({}, options);
    await call("echo", { message: "Hello, tape!" });
    await call("get-sum", { a: 2, b: 40 });
    await call("get-structured-content", { location: "Chicago" });
    // These two fail: a tool that says so in its result, and a request that is answered with an error.
    await call("echo", { message: 42 });
    await client.readResource({ uri: "demo://resource/nowhere" }, options).catch(() => {});
    await client.listPrompts({}, options);
    await call("trigger-long-running-operation", { duration: 2, steps: 5 }, { onprogress: () => {} });
  }

  /** Ends the server as a client does: by ending its input, and by force if it does not end. */
  async close(): Promise<void> {
    await this.#client.close();
  }
}
