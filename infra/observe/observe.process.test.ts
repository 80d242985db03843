import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { foldersAbove } from "../model/keeper.ts";
import type { ConnectionModel, EnvironmentModel, HostModel } from "../model/types.ts";
import { freePort, type Sshd, startSshd } from "../plugins/command/sshd.ts";
import { fileDifferences } from "./file-differences.ts";
import { type Observations, observe } from "./index.ts";

// Real sshd and ssh on the loopback addresses of this machine, which acts as every host. The lab tests units, because systemd may not run here.

const dialTimeoutSeconds = 1;
const otherKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGd1ZXNzZWRLZXlPZlRoZVRlc3RzMDEyMzQ1Njc4OTAx";

let checkout: string;
let sshd: Sshd;
let silent: Server;
const sockets = new Set<Socket>();

beforeAll(async () => {
  checkout = mkdtempSync(join(tmpdir(), "warren-observe-"));
  // The test's user is root or has sudo without a password; this fake sudo only runs its arguments.
  const bin = join(checkout, "bin");
  mkdirSync(bin);
  writeFileSync(join(bin, "sudo"), '#!/bin/sh\nshift\nexec "$@"\n');
  chmodSync(join(bin, "sudo"), 0o755);
  sshd = await startSshd([
    "ListenAddress 127.0.0.2",
    "ListenAddress 127.0.0.3",
    `SetEnv PATH=${bin}:/usr/sbin:/usr/bin:/sbin:/bin`,
  ]);
  silent = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
  });
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
});
afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => silent.close(resolve));
  await sshd.stop();
  rmSync(checkout, { recursive: true });
});

/** A host with files, accounts and packages, one of each missing; the login is the test's own user. */
function hostModel(name: string, connection: Partial<ConnectionModel> = {}): HostModel {
  const place = { owner: "root", group: "root", mode: "0640" };
  return {
    name,
    release: "bookworm",
    accounts: [
      { name: "root", home: "/root" },
      { name: "no-such-account", home: "/" },
    ],
    directories: [{ ...place, path: join(checkout, "a folder") }],
    files: [join(checkout, "a folder", "it's $HOME"), "/no/such/file"].map((path) => ({
      ...place,
      path,
      content: "",
      secret: false,
      order: "before-packages",
      keep: false,
    })),
    packages: [{ name: "base-files" }, { name: "no-such-package" }],
    artifacts: [],
    units: [],
    connection: {
      host: name,
      address: "127.0.0.1",
      port: sshd.port,
      user: userInfo().username,
      privateKeyFile: join(sshd.folder, "user"),
      hostKey: sshd.hostKey,
      dialTimeoutSeconds,
      ...connection,
    },
  };
}

async function observed(...hosts: HostModel[]): Promise<Observations> {
  const model: EnvironmentModel = { stack: "test", hosts, clusters: [], virtualIps: [] };
  return await observe(model, checkout);
}

const portOf = (server: Server): number => {
  const address = server.address();
  return typeof address === "object" && address ? address.port : 0;
};

describe("observe", () => {
  it("reports what exists of the model, with any characters in paths, and nothing about what doesn't", async () => {
    const folder = join(checkout, "a folder");
    const file = join(folder, "it's $HOME");
    mkdirSync(folder, { mode: 0o750 });
    writeFileSync(file, "content");
    chmodSync(file, 0o604);
    const answers = await observed(hostModel("one"));
    const one = answers.get("one");
    if (!one || "unreachable" in one) throw new Error(`not observed: ${one?.unreachable}`);
    expect([...one.files.keys()].toSorted()).toEqual([...foldersAbove(file), file]);
    expect(one.files.get(file)).toMatchObject({
      mode: "0604",
      owner: userInfo().username,
      bytes: 7,
      sha256: createHash("sha256").update("content").digest("hex"),
    });
    expect(one.files.get(folder)?.mode).toBe("0750");
    expect(one.accounts).toEqual(new Set(["root"]));
    expect(one.packages.get("base-files")).toMatchObject({ installed: true, held: false });
    expect(one.packages.get("base-files")?.version).toMatch(/\d/);
    expect(one.packages.get("no-such-package")?.installed ?? false).toBe(false);
  });

  it("reads a large program only if it has changed since its installation, or if that is not known", async () => {
    const program = join(checkout, "a folder", "it's a program");
    const { files: _, ...model } = hostModel("one");
    const place = { path: program, name: "node", owner: "root", group: "root", mode: "0755", bytes: 7 };
    const artifact = { ...place, source: "node.zst", sha256: "", installedSha256: "" };
    const digest = async () => {
      const one = (await observed({ ...model, files: [], artifacts: [artifact] })).get("one");
      if (!one || "unreachable" in one) throw new Error(`not observed: ${one?.unreachable}`);
      return one.files.get(program)?.sha256;
    };
    const of = (content: string) => createHash("sha256").update(content).digest("hex");
    mkdirSync(join(checkout, "a folder"), { recursive: true });
    writeFileSync(program, "content");
    expect(await digest()).toBe(of("content"));
    execFileSync("touch", [`${program}.checked`]);
    expect(await digest()).toBeUndefined();
    const { mtime } = statSync(program);
    writeFileSync(program, "contens");
    utimesSync(program, mtime, mtime);
    expect(await digest()).toBe(of("contens"));
  });

  it("reports links and FIFOs themselves, with a link's target, without opening them", async () => {
    const [link, fifo, hard] = ["a link", "a FIFO", "two names"].map((name) => join(checkout, name)) as [
      string,
      string,
      string,
    ];
    const target = "/etc/it's a\nname";
    symlinkSync(target, link);
    execFileSync("mkfifo", [fifo]);
    writeFileSync(hard, "");
    linkSync(hard, `${hard}.too`);
    const model = hostModel("odd");
    const files = [link, fifo, hard].flatMap((path) => model.files.slice(0, 1).map((file) => ({ ...file, path })));
    const answers = await observed({ ...model, files });
    const odd = answers.get("odd");
    if (!odd || "unreachable" in odd) throw new Error(`not observed: ${odd?.unreachable}`);
    expect(odd.files.get(link)).toMatchObject({
      kind: "symbolic link",
      target: `'/etc/it'\\''s a'$'\\n''name'`,
      links: 1,
    });
    expect(odd.files.get(fifo)).toMatchObject({ kind: "FIFO", links: 1 });
    for (const path of [link, fifo]) expect(odd.files.get(path)).not.toHaveProperty("sha256");
    expect(odd.files.get(hard)).toMatchObject({ kind: "file", links: 2, sha256: expect.any(String) });
    expect(odd.files.get(checkout)?.kind).toBe("folder");
  });

  it("shows how the content of files differs, once for hosts that differ alike, and nothing of a secret", async () => {
    const folder = join(checkout, "differing");
    mkdirSync(folder);
    const names = ["it's plain", "secret", "binary", "same", "empty", "long", "closed"];
    const [plain, secret, binary, same, empty, long, closed] = names.map((name) => join(folder, name));
    const contents = new Map([
      [plain, "a\nb\nprefetch 4\npassword of-the-broker\ntoken of-the-stack\n\u001b[31mc\n"],
      [secret, "somebody else's\n"],
      [binary, "\0\u0001"],
      [same, "as wanted\n"],
      [empty, ""],
      [long, "x".repeat(60_000)],
      [closed, "perhaps a secret before\n"],
    ]);
    for (const [path = "", content] of contents) writeFileSync(path, content);
    chmodSync(closed ?? "", 0o600);
    const [file] = hostModel("x").files;
    const wanted = [
      { ...file, path: plain, content: "a\nb\nprefetch 1\n" },
      { ...file, path: secret, content: "of-the-broker\n", secret: true },
      { ...file, path: binary, content: "text" },
      { ...file, path: same, content: "as wanted\n" },
      { ...file, path: empty, content: "new\n" },
      { ...file, path: long, content: "" },
      { ...file, path: closed, content: "open\n", mode: "0644" },
      { ...file, path: join(folder, "missing"), content: "new\n" },
    ] as HostModel["files"];
    const hosts = ["one", "two"].map((name) => ({ ...hostModel(name), files: wanted }));
    const model: EnvironmentModel = { stack: "test", hosts, clusters: [], virtualIps: [] };
    expect(
      await fileDifferences(model, await observe(model, checkout), checkout, ["of-the-broker", "of-the-stack"]),
    ).toEqual([
      {
        ...{ hosts: ["one", "two"], path: plain },
        lines: [
          ...["@@ -1,6 +1,3 @@", " a", " b", "-prefetch 4", "-password [secret]", "-token [secret]", "-\\x1b[31mc"],
          "+prefetch 1",
        ],
      },
      {
        ...{ hosts: ["one", "two"], path: binary },
        lines: [expect.stringMatching(/^- 2 bytes, sha256 [\da-f]{12}…$/), expect.stringMatching(/^\+ 4 bytes, /)],
      },
      { hosts: ["one", "two"], path: empty, lines: ["@@ -1,0 +1,1 @@", "+new"] },
      {
        ...{ hosts: ["one", "two"], path: long },
        lines: ["@@ -1,1 +1,0 @@", `-${"x".repeat(499)}…`, "\\ No newline at end of file"],
      },
    ]);
  });

  it("reuses a connection for several observations", async () => {
    await observed(hostModel("shared"));
    const logins = sshd.logins();
    await observed(hostModel("shared"));
    expect(sshd.logins()).toBe(logins);
  });

  it("returns the reason for an unreachable host, and observes the others", async () => {
    const answers = await observed(
      hostModel("good"),
      hostModel("gone", { port: await freePort() }),
      hostModel("refused", { user: "nobody-we-know", privateKeyFile: join(sshd.folder, "host") }),
      hostModel("keyless", { privateKeyFile: "no/such/key", user: "nobody-else" }),
      hostModel("another", { address: "127.0.0.2", hostKey: otherKey }),
      hostModel("silent", { port: portOf(silent) }),
    );
    expect(answers.get("good")).toHaveProperty("files");
    const why = (name: string) => {
      const answer = answers.get(name);
      return answer && "unreachable" in answer ? answer.unreachable : "observed";
    };
    expect(why("gone")).toMatch(/Connection refused/);
    expect(why("refused")).toMatch(/Permission denied/);
    expect(why("keyless")).toMatch(/Permission denied/);
    expect(why("another")).toMatch(/Host key verification failed/);
    expect(why("silent")).toMatch(/timed out/i);
  });

  it("may run concurrently: no run reads another's half-written files", async () => {
    const hosts = ["one", "two", "three"].map((name) => hostModel(name, { user: userInfo().username }));
    const runs = await Promise.all(Array.from({ length: 4 }, () => observed(...hosts)));
    for (const answers of runs) for (const [, answer] of answers) expect(answer).toHaveProperty("files");
  });

  it("observes all hosts concurrently: eight that are silent are connected at the same time", async () => {
    const names = Array.from({ length: 8 }, (_, index) => `silent-${index}`);
    const connected = new Set<Socket>();
    const server = createServer((socket) => {
      connected.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => connected.delete(socket));
      if (connected.size === names.length) for (const one of connected) one.destroy();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const connection = { port: portOf(server), dialTimeoutSeconds: 30 };
    const answers = await observed(...names.map((name) => hostModel(name, { ...connection, user: name })));
    for (const name of names) {
      expect(answers.get(name)).toHaveProperty("unreachable", expect.not.stringMatching(/timed out/i));
    }
    server.close();
  });
});

describe("a machine that can't observe hosts", () => {
  afterEach(() => vi.unstubAllEnvs());

  it("reports once that ssh isn't installed", async () => {
    vi.stubEnv("PATH", join(checkout, "a folder"));
    await expect(observed(hostModel("one"), hostModel("two"))).rejects.toThrow("is not installed on this machine");
  });

  it("refuses a folder for shared connections that others can write to", async () => {
    // Short, because a socket's path has at most 107 bytes.
    const folder = mkdtempSync(join(tmpdir(), "w-"));
    vi.stubEnv("TMPDIR", folder);
    const control = join(folder, `warren-ssh-${userInfo().uid}`);
    mkdirSync(control);
    chmodSync(control, 0o777);
    await expect(observed(hostModel("one"))).rejects.toThrow("is not a folder that only this user can access");
    chmodSync(control, 0o700);
    expect((await observed(hostModel("one"))).get("one")).toHaveProperty("files");
    rmSync(folder, { recursive: true });
  });
});
