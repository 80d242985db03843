import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import {
  appendFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { zstdDecompressSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { UserError } from "../../agents/lib/errors.ts";
import { placedAgents } from "../model/types.ts";
import { buildArtifacts } from "./artifacts.ts";

const run = promisify(execFile);
const project = resolve(import.meta.dirname, "../..");
const agents = placedAgents;
const runtime = `node-linux-${process.arch}/bin`;

// Bundling all agents takes seconds, and longer on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

/** A checkout with the real agents and libraries, and a small file for the runtime, because compressing the real one takes seconds. */
let checkout: string;
beforeAll(() => {
  checkout = mkdtempSync(join(tmpdir(), "warren-artifacts-"));
  for (const sources of ["agents", "docs/subscribe"]) {
    cpSync(join(project, sources), join(checkout, sources), { recursive: true });
  }
  cpSync(join(project, "package-lock.json"), join(checkout, "package-lock.json"));
  writeFileSync(join(checkout, "package.json"), '{"type":"module"}');
  const modules = join(checkout, "node_modules");
  mkdirSync(join(modules, runtime), { recursive: true });
  writeFileSync(join(modules, runtime, "node"), "the runtime");
  for (const name of readdirSync(join(project, "node_modules"))) {
    if (!name.startsWith("node-linux-")) symlinkSync(join(project, "node_modules", name), join(modules, name));
  }
});
afterAll(() => rmSync(checkout, { recursive: true, force: true }));

const fileOf = (name: string): string => join(checkout, ".warren", "artifacts", name);
const sha256 = (content: string | Uint8Array) => createHash("sha256").update(content).digest("hex");
/** A rewritten file has another inode. */
const inodes = () =>
  readdirSync(fileOf("."))
    .toSorted()
    .map((name) => [name, statSync(fileOf(name)).ino] as const);

describe("buildArtifacts", () => {
  it("describes every file: its digest, its size, and its digest after decompression", async () => {
    const made = await buildArtifacts(checkout);
    expect(Object.keys(made)).toEqual(["node", ...agents, "subscriber"]);
    for (const name of agents) {
      const content = readFileSync(join(checkout, made[name].source));
      expect(made[name]).toMatchObject({
        sha256: sha256(content),
        installedSha256: sha256(content),
        bytes: content.length,
      });
    }
    const compressed = readFileSync(join(checkout, made.node.source));
    expect(made.node.sha256).toBe(sha256(compressed));
    expect(made.node).toMatchObject({ installedSha256: sha256("the runtime"), bytes: "the runtime".length });
    expect(zstdDecompressSync(compressed).toString()).toBe("the runtime");
  });

  it.each(agents)("builds a bundle of the %s that starts in any folder, without libraries", async (name) => {
    await buildArtifacts(checkout);
    const elsewhere = mkdtempSync(join(tmpdir(), "warren-bundle-"));
    try {
      cpSync(fileOf(`${name}.mjs`), join(elsewhere, `${name}.mjs`));
      const { stdout } = await run(process.execPath, [join(elsewhere, `${name}.mjs`), "--print-schema"], {
        cwd: elsewhere,
        env: {},
      });
      const schema = JSON.parse(stdout);
      // The sender has a schema for each type.
      expect(schema.oneOf?.[0] ?? schema).toHaveProperty("properties.metrics");
    } finally {
      rmSync(elsewhere, { recursive: true });
    }
  });

  it("rebuilds nothing if nothing changed", async () => {
    const first = await buildArtifacts(checkout);
    const before = inodes();
    expect(await buildArtifacts(checkout)).toEqual(first);
    expect(inodes()).toEqual(before);
  });

  it("rebuilds only the bundle of a changed source", async () => {
    const first = await buildArtifacts(checkout);
    appendFileSync(join(checkout, "agents/puller/main.ts"), "\nprocess.title = 'changed';\n");
    writeFileSync(join(checkout, "agents/puller/new.test.ts"), "// tests are not bundled");
    appendFileSync(join(checkout, "agents/dispatcher/core.test.ts"), "// nor this one");
    const before = new Map(inodes());
    const second = await buildArtifacts(checkout);
    expect(second.puller.sha256).not.toBe(first.puller.sha256);
    expect({ ...second, puller: first.puller }).toEqual(first);
    const renewed = inodes().filter(([name, inode]) => before.get(name) !== inode);
    expect(renewed.map(([name]) => name)).toEqual(["puller.json", "puller.mjs"]);
  });

  it("rebuilds lost or damaged artifacts", async () => {
    const first = await buildArtifacts(checkout);
    writeFileSync(fileOf("announcer.mjs"), "half of it");
    rmSync(fileOf("node.zst"));
    writeFileSync(fileOf("dispatcher.json"), "{");
    expect(await buildArtifacts(checkout)).toEqual(first);
    expect(sha256(readFileSync(fileOf("announcer.mjs")))).toBe(first.announcer.sha256);
    expect(sha256(readFileSync(fileOf("node.zst")))).toBe(first.node.sha256);
  });

  it("compresses the runtime again if an earlier version did it otherwise", async () => {
    const first = await buildArtifacts(checkout);
    const { size, mtimeMs } = statSync(join(checkout, "node_modules", runtime, "node"));
    writeFileSync(fileOf("node.gz"), "");
    const artifact = { ...first.node, source: ".warren/artifacts/node.gz" };
    writeFileSync(fileOf("node.json"), JSON.stringify({ key: `${size} ${mtimeMs}`, artifact }));
    expect(await buildArtifacts(checkout)).toEqual(first);
    rmSync(fileOf("node.gz"));
  });

  it("may run in two processes at once: both get the same complete artifacts", async () => {
    rmSync(fileOf("."), { recursive: true, force: true });
    const module = JSON.stringify(join(import.meta.dirname, "artifacts.ts"));
    const program = `const { buildArtifacts } = await import(${module});
      process.stdout.write(JSON.stringify(await buildArtifacts(${JSON.stringify(checkout)})));`;
    const both = await Promise.all(
      [0, 1].map(() => run(process.execPath, ["--input-type=module", "--eval", program], { cwd: project })),
    );
    expect(both[0]?.stdout).toBe(both[1]?.stdout);
    expect(await buildArtifacts(checkout)).toEqual(JSON.parse(both[0]?.stdout ?? ""));
    // No temporary file is left.
    expect(readdirSync(fileOf(".")).toSorted()).toEqual(
      [
        "node.zst",
        "node.json",
        ...[...agents, "subscriber"].flatMap((name) => [`${name}.json`, `${name}.mjs`]),
      ].toSorted(),
    );
  });

  it("names the agent that can't be bundled with the reason, and keeps its last good bundle", async () => {
    const good = await buildArtifacts(checkout);
    appendFileSync(join(checkout, "agents/announcer/main.ts"), "\nimport './no-such-file.ts';\n");
    const error = await buildArtifacts(checkout).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(UserError);
    expect((error as UserError).format()).toMatch(
      /agents\/announcer: can't be bundled: .*no-such-file\.ts.*npm run check/s,
    );
    expect(sha256(readFileSync(fileOf("announcer.mjs")))).toBe(good.announcer.sha256);
  });

  it("reports a missing runtime", async () => {
    rmSync(join(checkout, "node_modules", runtime, "node"));
    await expect(buildArtifacts(checkout)).rejects.toThrow(/no Linux build of Node/);
  });
});
