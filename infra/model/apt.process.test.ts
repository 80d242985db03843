import { execFile, execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { endAgent, fillArchive, newKey } from "../../tests/rigs/apt-archive.ts";
import { parseStackConfig } from "../config/index.ts";
import { settingsFile, sourcesFile } from "./apt.ts";
import { contentOf, fixtureModel, stackValues } from "./fixture.ts";

// apt itself reads the files. The test signs an archive with a key that it makes. All is in a folder; nothing is installed on this machine.
const run = promisify(execFile);
const folder = mkdtempSync(join(tmpdir(), "warren-apt-"));
const archive = join(folder, "archive");
const [owner, stranger] = [join(folder, "owner"), join(folder, "stranger")];
let server: Server;
let url = "";
let key = "";
let strangersKey = "";
const requests: string[] = [];

function write(path: string, content: string): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  return path;
}

/** A package without files. */
function emptyPackage(): string {
  const tree = join(folder, "package");
  write(
    join(tree, "DEBIAN/control"),
    "Package: rabbitmq-server\nVersion: 4.1.4-1\nArchitecture: all\nMaintainer: nobody <nobody@example.org>\nDescription: nothing\n",
  );
  execFileSync("dpkg-deb", ["--build", tree, join(folder, "empty.deb")], { stdio: "ignore" });
  return join(folder, "empty.deb");
}

beforeAll(async () => {
  key = newKey(owner);
  strangersKey = newKey(stranger);
  fillArchive({ archive, owner, deb: emptyPackage(), suites: ["trixie", "trixie-updates", "trixie-security"] });
  server = createServer(({ url: path = "" }, response) => {
    requests.push(path);
    // A client of a proxy asks for the complete URL.
    const file = join(archive, new URL(path, "http://archive").pathname);
    try {
      response.end(readFileSync(file));
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.close();
  for (const home of [owner, stranger]) endAgent(home);
  rmSync(folder, { recursive: true, force: true });
});

const urpOf = (apt: object, own: object = {}) => {
  const values = stackValues("lab4");
  const hosts = values.hosts as Record<string, object>;
  const config = parseStackConfig(
    { ...values, apt, hosts: { ...hosts, "urp-1": { ...hosts["urp-1"], ...own } } },
    "lab4",
  );
  const host = fixtureModel(config).hosts.find(({ name }) => name === "urp-1");
  if (!host) throw new TypeError("no host urp-1");
  return host;
};

/** Runs apt with a host's files, and with a source of the host's own that doesn't answer. */
async function aptWith(apt: object, words: readonly string[], own: object = {}) {
  const host = urpOf(apt, own);
  const root = mkdtempSync(join(folder, "host-"));
  for (const { path, content } of host.files.filter((file) => file.path.startsWith("/etc/apt/")))
    write(join(root, path), content.replaceAll(sourcesFile, join(root, sourcesFile)));
  write(join(root, "etc/apt/sources.list"), "deb [trusted=yes] http://127.0.0.1:9/debian trixie main\n");
  for (const made of ["etc/apt/preferences.d", "var/lib/apt/lists/partial", "var/cache/apt/archives/partial"])
    mkdirSync(join(root, made), { recursive: true });
  const status = write(join(root, "var/lib/dpkg/status"), "");
  const config = write(
    join(root, "apt.conf"),
    `Dir "${root}";\nDir::State::status "${status}";\nAPT::Architecture "amd64";\nAPT::Sandbox::User "";\nAcquire::Retries "0";\n`,
  );
  const env = { PATH: String(process.env.PATH), APT_CONFIG: config, LC_ALL: "C" };
  const results: { stdout: string; stderr: string }[] = [];
  for (const command of [["apt-get", "update", "-o", "APT::Update::Error-Mode=any"], words]) {
    const [program = "", ...args] = command;
    results.push(await run(program, args, { env }));
  }
  return results.map(({ stdout, stderr }) => stdout + stderr).join("");
}

const policy = ["apt-cache", "policy", "rabbitmq-server"];

describe("apt with the files of a host", () => {
  it("installs from the mirror alone: the host's own sources are not asked", async () => {
    const mirror = { url, securityUrl: url, key };
    const answer = await aptWith({ mirror }, policy);
    expect(answer).toContain("Candidate: 4.1.4-1");
    expect(answer).not.toContain("127.0.0.1:9");
  });

  it("asks the proxy", async () => {
    requests.length = 0;
    const mirror = { url: "http://mirror.example.org", securityUrl: "http://mirror.example.org", key };
    expect(await aptWith({ proxy: url, mirror }, policy)).toContain("Candidate: 4.1.4-1");
    expect(requests).toContain("http://mirror.example.org/dists/trixie/InRelease");
  });

  it("refuses a source that another key has signed", async () => {
    const mirror = { url, securityUrl: url, key: strangersKey };
    await expect(aptWith({ mirror }, policy)).rejects.toThrow(/NO_PUBKEY|not signed/);
  });

  it("asks more sources beside the mirror, and beside the host's own without one", async () => {
    const mirror = { url, securityUrl: url, key };
    const rabbitmq = { url: `${url}/`, key };
    expect(await aptWith({ mirror, sources: { rabbitmq } }, policy)).toContain("Candidate: 4.1.4-1");
    // The host's own source, which doesn't answer here, is asked.
    await expect(aptWith({ sources: { rabbitmq } }, policy)).rejects.toThrow(/127\.0\.0\.1:9/);
  });

  it("uses a host's own mirror in place of the stack's", async () => {
    const stacks = { url: "http://127.0.0.1:9", securityUrl: "http://127.0.0.1:9" };
    const own = { apt: { mirror: { url, securityUrl: url, key } } };
    expect(await aptWith({ mirror: stacks }, policy, own)).toContain("Candidate: 4.1.4-1");
  });
});

describe("a host's files", () => {
  const pathsOf = (apt: object) =>
    urpOf(apt)
      .files.map(({ path }) => path)
      .filter((path) => path.startsWith("/etc/apt/"));

  it("are those that its settings need, and are written before packages", () => {
    expect(pathsOf({})).toEqual([]);
    expect(pathsOf({ proxy: "http://proxy.example.org:3142" })).toEqual([settingsFile]);
    expect(pathsOf({ sources: { rabbitmq: { url, key } } })).toEqual([sourcesFile]);
    const mirror = {
      url: "http://mirror.example.org/debian",
      securityUrl: "http://mirror.example.org/debian-security",
    };
    expect(pathsOf({ mirror })).toEqual([sourcesFile, settingsFile]);
    const host = urpOf({ mirror });
    expect(host.files.find(({ path }) => path === sourcesFile)?.order).toBe("before-packages");
    expect(contentOf(host, sourcesFile)).toContain("Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n");
  });

  it("have no components for a flat repository, and no user name in a URL", () => {
    const flat = urpOf({ sources: { flat: { url, suite: "./", key } } });
    expect(contentOf(flat, sourcesFile)).not.toContain("Components");
    expect(() => urpOf({ proxy: "http://user:password@proxy.example.org" })).toThrow(/without a user/);
    expect(() => urpOf({ sources: { rabbitmq: { url } } })).toThrow(/apt.sources.rabbitmq.key/);
  });
});
