import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { createInterface } from "node:readline";
import * as grpc from "@grpc/grpc-js";
import engineServices from "@pulumi/pulumi/proto/engine_grpc_pb.js";
import type * as engineRpc from "@pulumi/pulumi/proto/engine_pb.js";
import emptyMessages from "google-protobuf/google/protobuf/empty_pb.js";
import { bundlePlugin } from "./bundle.ts";
import { channelOptions, implement } from "./grpc.ts";

/** A line that a plugin sent to the engine. */
export interface EngineLine {
  readonly severity: number;
  readonly message: string;
  readonly urn: string;
  readonly status: boolean;
}

/** For tests: a plugin started as by the engine: bundled, as a separate process that prints its port. */
export interface PluginProcess {
  readonly address: string;
  readonly process: ChildProcess;
  /** Milliseconds from the start of the process to its port. */
  readonly startMs: number;
  /** Lines that the plugin has sent to the engine so far. */
  readonly lines: readonly EngineLine[];
  /** Resolves with the first line that passes the test, including lines sent before. */
  line(test: (line: EngineLine) => boolean): Promise<EngineLine>;
  stop(): Promise<void>;
}

/** The bundle of each main.ts, made once per process. */
const bundles = new Map<string, Promise<Buffer>>();

async function bundleOf(entry: string): Promise<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), "warren-bundle-"));
  try {
    const file = join(folder, "plugin.cjs");
    await bundlePlugin(entry, file);
    return await readFile(file);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Bundles and starts the plugin of this main.ts, with a fake engine log. */
export async function startPlugin(entry: string): Promise<PluginProcess> {
  const folder = await mkdtemp(join(tmpdir(), "warren-plugin-"));
  const bundle = join(folder, `${basename(dirname(entry))}.cjs`);
  const made = bundles.get(entry) ?? bundleOf(entry);
  bundles.set(entry, made);
  await writeFile(bundle, await made);
  const engine = await startEngine();
  const startedAt = performance.now();
  const child = spawn(process.execPath, [bundle, "-v=1", engine.address], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const port = await new Promise<string>((resolve, reject) => {
    createInterface(child.stdout as NodeJS.ReadableStream).once("line", resolve);
    child.once("exit", (code) => reject(new Error(`${entry} exited with code ${code} before it served`)));
  });
  return {
    address: `127.0.0.1:${port}`,
    process: child,
    startMs: performance.now() - startedAt,
    lines: engine.lines,
    line: engine.line,
    async stop() {
      if (child.exitCode === null && child.signalCode === null) {
        const ended = new Promise((resolve) => child.once("exit", resolve));
        child.kill("SIGTERM");
        await ended;
      }
      engine.server.forceShutdown();
      await rm(folder, { recursive: true });
    },
  };
}

async function startEngine() {
  const lines: EngineLine[] = [];
  const watchers = new Set<(line: EngineLine) => void>();
  const log = (request: engineRpc.LogRequest) => {
    const line = {
      severity: request.getSeverity(),
      message: request.getMessage(),
      urn: request.getUrn(),
      status: request.getEphemeral(),
    };
    lines.push(line);
    for (const watch of watchers) watch(line);
    return new emptyMessages.Empty();
  };
  const server = new grpc.Server(channelOptions);
  const service = engineServices.EngineService as grpc.ServiceDefinition;
  server.addService(service, implement(service, "engine", { log }));
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  const line = (test: (line: EngineLine) => boolean) =>
    new Promise<EngineLine>((resolve) => {
      const found = lines.find(test);
      if (found) return resolve(found);
      const watch = (each: EngineLine) => {
        if (!test(each)) return;
        watchers.delete(watch);
        resolve(each);
      };
      watchers.add(watch);
    });
  return { server, address: `127.0.0.1:${port}`, lines, line };
}
