import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { archiveName, checksumOf, downloadEngine } from "./download.ts";

// Uses a local server, so this tests our requests, not the vendor's server.
const version = "3.259.0";
const silenceMs = 200;
const quiet = { line: () => {}, status: () => {} };
const archive = archiveName(version, process.platform, process.arch);

let folder: string;
let server: Server | undefined;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "warren-download-"));
});

afterEach(() => {
  server?.closeAllConnections();
  server?.close();
  server = undefined;
  rmSync(folder, { recursive: true });
});

async function serve(listener: RequestListener): Promise<string> {
  const made = createServer(listener);
  server = made;
  await new Promise<void>((resolve) => made.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(made.address() as AddressInfo).port}`;
}

/** An archive like the vendor's, with an engine that prints a version. */
function makeArchive(says: string): Buffer {
  mkdirSync(path.join(folder, "made/pulumi"), { recursive: true });
  const engine = path.join(folder, "made/pulumi/pulumi");
  writeFileSync(engine, `#!/bin/sh\necho v${says}\n`);
  chmodSync(engine, 0o755);
  execFileSync("tar", ["-czf", path.join(folder, "made.tar.gz"), "-C", path.join(folder, "made"), "pulumi"]);
  return readFileSync(path.join(folder, "made.tar.gz"));
}

function publish(content: Buffer, sum = createHash("sha256").update(content).digest("hex")): RequestListener {
  return (request, response) => {
    if (request.url === `/pulumi-${version}-checksums.txt`)
      response.end(`${"0".repeat(64)}  other.zip\n${sum}  ${archive}\n`);
    else if (request.url === `/${archive}`) response.end(content);
    else response.writeHead(404).end();
  };
}

const target = () => path.join(folder, "engine");
const download = (releases: string) =>
  downloadEngine({ version, target: target(), progress: quiet, releases, silenceMs });

/** Nothing incomplete may stay, or a later run would take it for the engine. */
function expectNothingLeft(): void {
  expect(readdirSync(folder).filter((name) => name.startsWith("engine"))).toEqual([]);
}

test("a published release with the right sha256 is unpacked and ready to run", async () => {
  await download(await serve(publish(makeArchive(version))));
  expect(execFileSync(path.join(target(), "pulumi"), ["version"], { encoding: "utf8" })).toBe(`v${version}\n`);
  expect(existsSync(`${target()}.download`)).toBe(false);
});

test("an archive with a wrong checksum is refused and not kept", async () => {
  const releases = await serve(publish(makeArchive(version), "a".repeat(64)));
  await expect(download(releases)).rejects.toThrow(/sha256 a{64} is published, got [0-9a-f]{64}/);
  expectNothingLeft();
});

test("an engine that reports another version is refused", async () => {
  const releases = await serve(publish(makeArchive("3.1.0")));
  await expect(download(releases)).rejects.toThrow(/holds engine 3\.1\.0, not 3\.259\.0/);
  expectNothingLeft();
});

test("a server that refuses the connection is not available", async () => {
  const releases = await serve(() => {});
  await new Promise((resolve) => server?.close(resolve));
  await expect(download(releases)).rejects.toThrow(/ECONNREFUSED/);
});

test("a server without the release is not available", async () => {
  await expect(download(await serve((_, response) => response.writeHead(403).end("no")))).rejects.toThrow(/HTTP 403/);
});

test("a server that accepts the connection but doesn't answer is abandoned after the limit", async () => {
  const began = performance.now();
  await expect(download(await serve(() => {}))).rejects.toThrow(/Timeout/i);
  // undici checks its timers about twice a second.
  expect(performance.now() - began).toBeLessThan(silenceMs + 2_000);
  expectNothingLeft();
});

test("an incomplete download is abandoned, and nothing is kept", async () => {
  const content = makeArchive(version);
  const whole = publish(content);
  const releases = await serve((request, response) => {
    if (request.url !== `/${archive}`) return whole(request, response);
    response.writeHead(200, { "content-length": content.length });
    response.write(content.subarray(0, content.length >> 1));
  });
  await expect(download(releases)).rejects.toThrow(/Timeout/i);
  expectNothingLeft();
});

test("a checksum counts only for its own archive, and only if it is a sha256", () => {
  const sum = "b".repeat(64);
  expect(checksumOf(`${sum} *${archive}\n`, archive)).toBe(sum);
  expect(() => checksumOf(`${sum}  x-${archive}\n`, archive)).toThrow(/do not name/);
  expect(() => checksumOf(`short  ${archive}\n`, archive)).toThrow(/do not name/);
});

test("a platform without a published engine is reported", () => {
  expect(() => archiveName(version, "linux", "riscv64")).toThrow("no engine is published for linux on riscv64");
});
