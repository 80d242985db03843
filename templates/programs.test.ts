import { execFile } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { fixtureConfig, fixtureModel } from "../infra/model/fixture.ts";
import { renderAmqpCheck } from "./render.ts";

// Rendered files, checked by the programs that read them, if those run without a host. The lab's tests check the files of keepalived,
// apache and the broker on real hosts.

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "warren-rendered-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Exit code and output of a program. */
function run(program: string, args: readonly string[]): Promise<{ code: number; output: string }> {
  return new Promise((resolve, reject) => {
    const child = execFile(
      program,
      args,
      { env: { ...process.env, LC_ALL: "C", SYSTEMD_COLORS: "0" } },
      (error, stdout, stderr) => {
        if (error && typeof error.code === "string") reject(new Error(`this test needs ${program}`, { cause: error }));
        else resolve({ code: child.exitCode ?? 1, output: stdout + stderr });
      },
    );
  });
}

function put(path: string, content: string): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  return path;
}

const unitFolder = "/etc/systemd/system/";
const hosts = ["urp-1", "bunny1", "pds-1"].map((name) => {
  const host = fixtureModel().hosts.find((one) => one.name === name);
  const unit = host?.files.find((file) => /warren-(announcer|dispatcher|puller)\.service$/.test(file.path));
  if (!host || !unit) throw new TypeError(`no unit on ${name}`);
  return { unit: unit.path.slice(unitFolder.length), text: unit.content, host };
});

describe.each(hosts)("$unit", ({ unit, text, host }) => {
  /** A root folder with the unit, and a program at each path that the unit uses. */
  function rootWith(content: string): string {
    const root = mkdtempSync(join(folder, "root-"));
    put(join(root, unitFolder, unit), content);
    for (const { path } of [...host.artifacts, ...host.files.filter(({ mode }) => mode === "0755")]) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      copyFileSync("/bin/true", join(root, path));
    }
    return root;
  }
  const verify = (root: string) =>
    run("systemd-analyze", [`--root=${root}`, "--recursive-errors=no", "--man=no", "verify", join(unitFolder, unit)]);

  it("passes systemd-analyze verify", async () => {
    expect(await verify(rootWith(text))).toEqual({ code: 0, output: "" });
  });

  it.each([
    ["an unknown key", /^PrivateTmp=yes/m, "PrivateTemporary=yes", "PrivateTemporary"],
    ["an invalid value", /WatchdogSec=\d+/, "WatchdogSec=soon", "soon"],
    [
      "a missing program",
      "ExecStart=/opt/warren/node/bin/node",
      "ExecStart=/opt/warren/nodejs/bin/node",
      "not executable",
    ],
  ])("fails systemd-analyze verify with %s", async (_, right, wrong, output) => {
    const root = rootWith(text.replace(right, wrong));
    expect((await verify(root)).output).toContain(output);
  });

  it("is sandboxed to an exposure of at most 2.0", async () => {
    const file = join(rootWith(text), unitFolder, unit);
    // The threshold counts tenths; above it the exit code is 1.
    const { code, output } = await run("systemd-analyze", [
      "security",
      "--offline=true",
      "--threshold=20",
      "--no-pager",
      file,
    ]);
    expect(output).toMatch(/Overall exposure level for \S+: \d/);
    expect(code, output).toBe(0);
  });
});

describe("the subscriber's unit", () => {
  const unit = "warren-subscriber.service";
  const client = fixtureModel(fixtureConfig()).hosts.find(({ name }) => name === "client-1");
  const text = client?.files.find(({ path }) => path === join(unitFolder, unit))?.content ?? "";

  it("passes systemd-analyze verify", async () => {
    const root = mkdtempSync(join(folder, "root-"));
    put(join(root, unitFolder, unit), text);
    mkdirSync(join(root, "opt/warren/node/bin"), { recursive: true });
    copyFileSync("/bin/true", join(root, "opt/warren/node/bin/node"));
    const args = [`--root=${root}`, "--recursive-errors=no", "--man=no", "verify", join(unitFolder, unit)];
    expect(await run("systemd-analyze", args)).toEqual({ code: 0, output: "" });
  });

  it("is sandboxed like the agents' units", async () => {
    const file = put(join(folder, unit), text);
    const args = ["security", "--offline=true", "--threshold=20", "--no-pager", file];
    const { code, output } = await run("systemd-analyze", args);
    expect(code, output).toBe(0);
  });
});

describe("the broker's unit with its drop-in", () => {
  /** The lines of Debian's units, 3.10 and 4.0, that verification and exposure depend on. */
  const packaged = `[Unit]
Description=RabbitMQ Messaging Server
[Service]
Type=notify
User=rabbitmq
Group=rabbitmq
UMask=0027
NotifyAccess=all
ExecStart=/usr/lib/rabbitmq/bin/rabbitmq-server
`;
  const fileOf = (ending: string): string => {
    const file = fixtureModel()
      .hosts.find((one) => one.name === "bunny1")
      ?.files.find(({ path }) => path.endsWith(ending));
    if (!file) throw new TypeError(`no file ${ending}`);
    return file.content;
  };

  it("is sandboxed to an exposure of at most 4.0, and isn't without the drop-in", async () => {
    const judge = (text: string) => {
      const file = put(join(mkdtempSync(join(folder, "broker-")), "rabbitmq-server.service"), text);
      return run("systemd-analyze", ["security", "--offline=true", "--threshold=40", "--no-pager", file]);
    };
    const { code, output } = await judge(`${packaged}\n${fileOf("rabbitmq-server.service.d/warren.conf")}`);
    expect(output).toMatch(/Overall exposure level for \S+: \d/);
    expect(code, output).toBe(0);
    expect((await judge(packaged)).code).toBe(1);
  });

  it("passes systemd-analyze verify, as does the firewall unit", async () => {
    const root = mkdtempSync(join(folder, "root-"));
    const drop = "rabbitmq-server.service.d/warren.conf";
    put(join(root, unitFolder, "rabbitmq-server.service"), packaged);
    put(join(root, unitFolder, drop), fileOf(drop));
    put(join(root, unitFolder, "warren-firewall.service"), fileOf("/warren-firewall.service"));
    for (const path of ["/usr/lib/rabbitmq/bin/rabbitmq-server", "/usr/sbin/nft"]) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      copyFileSync("/bin/true", join(root, path));
    }
    for (const unit of ["rabbitmq-server.service", "warren-firewall.service"]) {
      const args = [`--root=${root}`, "--recursive-errors=no", "--man=no", "verify", join(unitFolder, unit)];
      expect(await run("systemd-analyze", args), unit).toEqual({ code: 0, output: "" });
    }
  });
});

describe("amqp-check", () => {
  let script: string;
  let server: Server | undefined;
  beforeAll(() => {
    script = put(join(folder, "amqp-check"), renderAmqpCheck({}));
    chmodSync(script, 0o755);
  });
  const sockets = new Set<Socket>();
  afterEach(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise<void>((resolve) => (server ? server.close(() => resolve()) : resolve()));
    server = undefined;
  });

  /** Starts a server on the loopback address. @returns its port */
  async function serve(onConnection: (socket: Socket) => void): Promise<string> {
    const listening = createServer((socket) => {
      sockets.add(socket);
      socket.on("error", () => {});
      onConnection(socket);
    });
    server = listening;
    await new Promise<void>((resolve) => listening.listen(0, "127.0.0.1", resolve));
    const address = listening.address();
    return String(typeof address === "object" ? address?.port : 0);
  }
  const check = async (port: string) => {
    const began = performance.now();
    const { code } = await run(script, ["127.0.0.1", port]);
    return { code, seconds: (performance.now() - began) / 1000 };
  };

  it("is valid Perl, without warnings", async () => {
    expect((await run("perl", ["-wc", script])).output).toBe(`${script} syntax OK\n`);
  });

  it("sends the AMQP 0-9-1 header, and succeeds with a method frame", async () => {
    const received: Buffer[] = [];
    const port = await serve((socket) =>
      socket.on("data", (bytes) => {
        received.push(bytes);
        // The start of connection.start: type 1, channel 0, then its length.
        socket.write(Buffer.from([1, 0, 0, 0, 0, 1, 200]));
      }),
    );
    expect((await check(port)).code).toBe(0);
    expect(Buffer.concat(received)).toEqual(Buffer.from("AMQP\0\0\x09\x01", "latin1"));
  });

  it("fails with a server of another protocol version, which answers with its own header", async () => {
    const port = await serve((socket) => socket.on("data", () => socket.end(Buffer.from("AMQP\0\x01\0\0", "latin1"))));
    expect((await check(port)).code).toBe(1);
  });

  it("fails with a server that closes the connection", async () => {
    const port = await serve((socket) => socket.end());
    expect((await check(port)).code).toBe(1);
  });

  it("fails with a server that accepts the connection and sends nothing, before keepalived's two seconds", async () => {
    const port = await serve(() => {});
    const { code, seconds } = await check(port);
    expect(code).toBe(1);
    expect(seconds).toBeGreaterThan(0.5);
    expect(seconds).toBeLessThan(2);
  });

  it("fails if nothing listens", async () => {
    const port = await serve(() => {});
    await new Promise((resolve) => server?.close(resolve));
    expect((await check(port)).code).toBe(1);
  });
});
