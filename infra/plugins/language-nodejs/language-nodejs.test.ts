import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as grpc from "@grpc/grpc-js";
import services from "@pulumi/pulumi/proto/language_grpc_pb.js";
import type * as rpc from "@pulumi/pulumi/proto/language_pb.js";
import messages from "@pulumi/pulumi/proto/language_pb.js";
import type * as pluginRpc from "@pulumi/pulumi/proto/plugin_pb.js";
import emptyMessages from "google-protobuf/google/protobuf/empty_pb.js";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type PluginProcess, startPlugin } from "../lib/plugin-process.ts";
import { answer } from "../lib/provider-client.ts";
import { toStruct } from "../lib/structs.ts";
import type { PropertyMap } from "../lib/values.ts";

let folder: string;
let host: PluginProcess;
let client: InstanceType<typeof services.LanguageRuntimeClient>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "warren-language-"));
  host = await startPlugin(join(import.meta.dirname, "main.ts"));
  client = new services.LanguageRuntimeClient(host.address, grpc.credentials.createInsecure());
});
afterAll(async () => {
  client.close();
  await host.stop();
  await rm(folder, { recursive: true });
});

/** A program with a fake SDK, whose runner does what the test needs. */
async function program(name: string, runner: string): Promise<string> {
  const root = join(folder, name);
  const sdk = join(root, "node_modules", "@pulumi", "pulumi");
  await mkdir(join(sdk, "cmd", "run"), { recursive: true });
  await writeFile(join(sdk, "package.json"), JSON.stringify({ name: "@pulumi/pulumi", version: "3.259.0" }));
  await writeFile(join(sdk, "cmd", "run", "index.js"), runner);
  await writeFile(join(root, "package.json"), JSON.stringify({ dependencies: { "@pulumi/pulumi": "^3.0.0" } }));
  return root;
}

function programInfo(root: string, options: PropertyMap = { typescript: false }) {
  const info = new messages.ProgramInfo().setRootDirectory(root).setProgramDirectory(root).setEntryPoint("index.ts");
  return info.setOptions(toStruct(options));
}

function runRequest(root: string, options?: PropertyMap) {
  const request = new messages.RunRequest().setInfo(programInfo(root, options)).setPwd(root).setProgram("index.ts");
  request.setProject("warren").setStack("lab").setOrganization("organization").setMonitorAddress("127.0.0.1:9");
  request.setParallel(16).setDryrun(true).setConfigsecretkeysList(["warren:password"]);
  request.getConfigMap().set("warren:config:region", "east").set("warren:password", "hush");
  return request;
}

const run = (request: rpc.RunRequest) => answer<rpc.RunResponse>((done) => client.run(request, done));

it("starts the program's own SDK with all arguments, and with config only in the environment", async () => {
  const root = await program(
    "pass",
    `const { PULUMI_CONFIG, PULUMI_CONFIG_SECRET_KEYS } = process.env;
     require("fs").writeFileSync("passed.json", JSON.stringify({ args: process.argv.slice(2), PULUMI_CONFIG, PULUMI_CONFIG_SECRET_KEYS, node: process.execArgv }));`,
  );
  const response = await run(runRequest(root, { typescript: false, nodeargs: "--trace-warnings" }));
  expect([response.getError(), response.getBail()]).toEqual(["", false]);
  const passed = JSON.parse(await readFile(join(root, "passed.json"), "utf8"));
  const engine = passed.args[passed.args.indexOf("--engine") + 1];
  expect(engine).toMatch(/^127\.0\.0\.1:\d+$/);
  expect(passed.args.join(" ")).toBe(
    `--monitor 127.0.0.1:9 --engine ${engine} --organization organization --project warren --stack lab --pwd ${root} --parallel 16 --dry-run index.ts`,
  );
  expect(JSON.parse(passed.PULUMI_CONFIG)).toEqual({ "warren:region": "east", "warren:password": "hush" });
  expect(JSON.parse(passed.PULUMI_CONFIG_SECRET_KEYS)).toEqual(["warren:password"]);
  expect(passed.node).toEqual(["--trace-warnings"]);
});

it("reports how the program ended: by itself, after reporting an error, by a signal", async () => {
  const outcome = async (runner: string) => {
    const response = await run(runRequest(await program(`end-${runner.length}`, runner)));
    return { error: response.getError(), bail: response.getBail() };
  };
  expect(await outcome("process.exit(3)")).toEqual({ error: "Program exited with non-zero exit code: 3", bail: false });
  expect(await outcome("process.exit(32)")).toEqual({ error: "", bail: true });
  expect(await outcome('process.kill(process.pid, "SIGKILL")')).toEqual({
    error: "Program ended by SIGKILL",
    bail: false,
  });
});

it("stops the program when the engine cancels", async () => {
  const root = await program("endless", 'console.log("running"); setInterval(() => {}, 1000)');
  const ended = run(runRequest(root));
  await new Promise<void>((resolve) =>
    host.process.stdout?.on("data", (text) => String(text).includes("running") && resolve()),
  );
  await answer((done) => client.cancel(new emptyMessages.Empty(), done));
  expect((await ended).getError()).toBe("Program ended by SIGTERM");
});

it("names what is missing or not supported: the SDK, an option, a method", async () => {
  const bare = join(folder, "bare");
  await mkdir(bare);
  await expect(run(runRequest(bare))).rejects.toThrow(`@pulumi/pulumi is not installed for the program in ${bare}`);
  const root = await program("options", "");
  await expect(run(runRequest(root, { typescript: false, packagemanager: "bun" }))).rejects.toThrow("packagemanager");
  const pack = answer((done) => client.pack(new messages.PackRequest(), done));
  await expect(pack).rejects.toMatchObject({
    code: grpc.status.UNIMPLEMENTED,
    details: "language-nodejs: pulumirpc.LanguageRuntime/Pack is not implemented by this plugin",
  });
});

it("reports its version, and node's", async () => {
  const info = await answer<pluginRpc.PluginInfo>((done) => client.getPluginInfo(new emptyMessages.Empty(), done));
  expect(info.getVersion()).toBe("3.259.0");
  const about = await answer<rpc.AboutResponse>((done) => client.about(new messages.AboutRequest(), done));
  expect([about.getExecutable(), about.getVersion()]).toEqual([process.execPath, process.version]);
});
