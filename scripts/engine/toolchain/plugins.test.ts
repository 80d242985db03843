import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { officialProvider, providerProgram, writeStarter } from "./plugins.ts";

// The engine is a shell script that installs a plugin or refuses to, and counts its calls.
let folder: string;
let server: Server;
let releases: string;
const quiet = { line: () => {}, status: () => {} };

beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), "warren-plugins-"));
  server = createServer((_, response) => response.writeHead(404).end());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  releases = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterEach(() => {
  server.close();
  rmSync(folder, { recursive: true });
});

const home = () => path.join(folder, "home");
const asked = () => (existsSync(`${folder}/asked`) ? readFileSync(`${folder}/asked`, "utf8").trim().split("\n") : []);

function putEngine(does: string): string {
  const engine = path.join(folder, "pulumi");
  writeFileSync(engine, `#!/bin/sh\necho "$*" >>${folder}/asked\n${does}\n`);
  chmodSync(engine, 0o755);
  return engine;
}

const installs = `d=$PULUMI_HOME/plugins/resource-$4-$5; mkdir -p $d; touch $d/pulumi-resource-$4`;
const bring = (engine: string, more: { again?: boolean; releases?: string } = {}) =>
  officialProvider(engine, "command", "1.2.1", { progress: quiet, home: home(), memory: folder, releases, ...more });

test("an official plugin in the user's home is used without a call of the engine", async () => {
  const program = providerProgram(home(), "command", "1.2.1");
  mkdirSync(path.dirname(program), { recursive: true });
  writeFileSync(program, "");
  expect(await bring(putEngine(installs))).toMatchObject({ origin: "official", path: program });
  expect(asked()).toEqual([]);
});

test("a missing plugin is installed by the engine", async () => {
  const program = providerProgram(home(), "command", "1.2.1");
  expect(await bring(putEngine(installs))).toEqual({
    name: "command",
    version: "1.2.1",
    origin: "official",
    path: program,
  });
  expect(asked()).toEqual(["plugin install resource command v1.2.1"]);
});

test("a refusal is recorded, and retried only on demand", async () => {
  const engine = putEngine("exit 1");
  expect(await bring(engine)).toBeUndefined();
  expect(await bring(engine)).toBeUndefined();
  expect(asked()).toHaveLength(1);
  putEngine(installs);
  expect(await bring(engine, { again: true })).toMatchObject({ origin: "official" });
});

test("if the vendor's server doesn't answer, the engine isn't asked to install", async () => {
  expect(await bring(putEngine(installs), { releases: "http://127.0.0.1:9" })).toBeUndefined();
  expect(asked()).toEqual([]);
});

test("a starter runs its bundle with the project's Node, for any characters in the path, and passes arguments on", async () => {
  const bundle = path.join(folder, "it's a bundle.cjs");
  writeFileSync(bundle, "console.log(process.version, ...process.argv.slice(2));");
  const program = path.join(folder, "plugin");
  await writeStarter(program, bundle);
  const printed = execFileSync(program, ["127.0.0.1:1", "two words"], { encoding: "utf8" });
  expect(printed).toBe(`${process.version} 127.0.0.1:1 two words\n`);
});
