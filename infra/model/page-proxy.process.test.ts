import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { request } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { poll } from "../../scripts/lib/poll.ts";
import { freePort } from "../../scripts/traffic/free-port.ts";
import { apache, findProgram, type ProgramBinary } from "../../tests/rigs/unpacked-program.ts";
import { parseStackConfig } from "../config/index.ts";
import { issueCertificate, makeAuthority } from "../resources/certificate-authority.ts";
import { contentOf, hostOf, stackValues } from "./fixture.ts";
import { pagePort } from "./monitor-page.ts";
import { exporterCertificateFile } from "./tls.ts";
import type { HostModel } from "./types.ts";

// Debian's Apache with a monitor's own files. Does not prove a login by LDAP: the lab does.

const run = promisify(execFile);
const host = "px-1";
const configFile = "/etc/warren/page-proxy.conf";
const peopleFile = "/etc/warren/secrets/page-people";

function modelWith(page: object, people: object = {}): HostModel {
  const values = stackValues("lab");
  const secrets = { ...(values.secrets as object), monitor: { people } };
  return hostOf(host, parseStackConfig({ ...values, secrets, monitor: { page } }, "lab"));
}

/** Stands for the live page. */
const page = createServer((asked, answer) => {
  answer.writeHead(asked.method === "GET" ? 200 : 405);
  if (asked.url !== "/events") return void answer.end(`${asked.headers.host} ${asked.url}`);
  // Never ends.
  answer.write("data: 1\n\n");
});

let folder: string;
let program: ProgramBinary;
let port: number;
let authority: string;
let running: ChildProcess | undefined;

/** The test's path of a file of the host. */
const local = (path: string): string => join(folder, path);

/** A configuration with the test's paths and ports. */
const localised = (text: string): string =>
  text
    .replaceAll("/usr/lib/apache2", join(dirname(program.command), "../lib/apache2"))
    .replaceAll("/etc/warren/tls/", `${local("/etc/warren/tls")}/`)
    .replaceAll(`127.0.0.1:${pagePort}`, `127.0.0.1:${(page.address() as AddressInfo).port}`)
    .replace("ErrorLog syslog:daemon", `ErrorLog ${local("/run")}/errors`)
    .replaceAll(/(Listen |VirtualHost \*:)9443/g, `$1${port}`);

async function put(path: string, content: string): Promise<string> {
  await mkdir(dirname(local(path)), { recursive: true });
  await writeFile(local(path), content);
  return local(path);
}

const definitions = () => [
  ...["-C", `Define runtime ${local("/run")}`],
  ...["-C", `Define certificate ${local(exporterCertificateFile)}`],
  ...["-C", `Define people ${local(peopleFile)}`],
];

beforeAll(async () => {
  program = await findProgram(apache);
  folder = await mkdtemp(join(tmpdir(), "warren-page-proxy-"));
  port = await freePort();
  page.listen(0, "127.0.0.1");
  await once(page, "listening");
  const ca = await makeAuthority("lab", 1);
  const own = await issueCertificate({ host, names: [host, "127.0.0.1"] }, ca, 1);
  authority = ca.certificate;
  await put(exporterCertificateFile, `${own.certificate}${own.key}`);
  await put("/etc/warren/tls/ca.pem", ca.certificate);
  await mkdir(local("/run"));
  const model = modelWith({ login: "password" }, { noc: "right horse", guest: "other horse" });
  await put(peopleFile, contentOf(model, peopleFile));
  const conf = await put(configFile, localised(contentOf(model, configFile)));
  await chmod(folder, 0o755);
  // A unit starts it as a service's account, which could not read the unpacked program.
  const asNobody = process.getuid?.() === 0 ? ["-C", "User #65534", "-C", "Group #65534"] : [];
  running = spawn(program.command, ["-DFOREGROUND", "-f", conf, ...asNobody, ...definitions()], {
    env: { ...process.env, ...program.env },
    stdio: ["ignore", "inherit", "inherit"],
  });
  await poll(() => get("/").catch(() => undefined), { everyMs: 50, withinMs: 20_000 });
});

afterAll(async () => {
  if (running?.exitCode === null && running.signalCode === null) {
    running.kill("SIGTERM");
    await once(running, "exit");
  }
  page.closeAllConnections();
  page.close();
  await rm(folder, { recursive: true, force: true });
});

interface Got {
  readonly status: number | undefined;
  readonly challenge: string | undefined;
  /** The first piece of the answer. */
  readonly text: string;
}

function get(path: string, login?: string, method = "GET"): Promise<Got> {
  return new Promise((resolve, reject) => {
    const options = { host: "127.0.0.1", port, path, method, ca: authority, ...(login ? { auth: login } : {}) };
    request(options, (answer) => {
      const got = { status: answer.statusCode, challenge: answer.headers["www-authenticate"] };
      const end = (text: string) => {
        resolve({ ...got, text });
        answer.destroy();
      };
      answer.once("data", (chunk: Buffer) => end(chunk.toString())).once("end", () => end(""));
    })
      .on("error", reject)
      .end();
  });
}

describe("with passwords, by TLS with a certificate of the stack's CA", () => {
  it.each([
    ["nobody", undefined],
    ["a wrong password", "noc:wrong"],
    ["another one's password", "noc:other horse"],
    ["an unknown name", "root:right horse"],
    ["an empty password", "noc:"],
  ])("refuses %s", async (_, login) => {
    expect(await get("/view", login)).toMatchObject({ status: 401, challenge: 'Basic realm="lab: flow"' });
  });

  it("passes on what people with a login ask, under the page's own name", async () => {
    const name = `127.0.0.1:${(page.address() as AddressInfo).port}`;
    expect(await get("/view?x=1", "noc:right horse")).toMatchObject({ status: 200, text: `${name} /view?x=1` });
    expect(await get("/", "guest:other horse")).toMatchObject({ status: 200 });
    expect(await get("/", "noc:right horse", "POST")).toMatchObject({ status: 405 });
  });

  it("passes on events at once", async () => {
    expect(await get("/events", "noc:right horse")).toMatchObject({ status: 200, text: "data: 1\n\n" });
  });

  it("answers 503 while the page is down, and asks for the login first", async () => {
    const { port: former } = page.address() as AddressInfo;
    page.closeAllConnections();
    page.close();
    await once(page, "close");
    expect(await get("/")).toMatchObject({ status: 401 });
    expect(await get("/", "noc:right horse")).toMatchObject({ status: 503 });
    page.listen(former, "127.0.0.1");
    await expect.poll(async () => (await get("/", "noc:right horse")).status).toBe(200);
  });
});

it.each([{ login: "password" }, { login: "ldap" }, { login: "ldap", people: ["noc", "michel"] }])(
  "is validated before it replaces the former configuration: %o",
  async (own) => {
    const model = modelWith(own, own.login === "password" ? { noc: "right horse" } : {});
    const file = model.files.find(({ path }) => path === configFile);
    expect(file?.validate?.slice(0, 2)).toEqual(["/usr/sbin/apache2", "-t"]);
    const judge = async (content: string) => {
      const conf = await put("/etc/warren/candidate", localised(content));
      await run(program.command, ["-t", "-f", conf, ...definitions()], { env: { ...process.env, ...program.env } });
    };
    await judge(file?.content ?? "");
    await expect(judge(`${file?.content}\nNonsense on\n`)).rejects.toThrow(/Nonsense/);
  },
);

describe("the configuration", () => {
  it("asks the directory of the announcements' broker, by its encryption", () => {
    const conf = contentOf(modelWith({ login: "ldap", people: ["noc"] }), configFile);
    expect(conf).toContain('AuthLDAPURL "ldap://ldap-1:389/ou=People,ou=depot,dc=ec,dc=gc,dc=ca?uid?sub" STARTTLS');
    expect(conf).toContain('"uid=$1,ou=People,ou=depot,dc=ec,dc=gc,dc=ca"');
    expect(conf).toContain("LDAPVerifyServerCert On");
    expect(conf).toContain("Require user noc\n");
  });

  it("is on no host without `page`, and names no password", () => {
    const { files, units } = hostOf(host, parseStackConfig({ ...stackValues("lab"), monitor: {} }, "lab"));
    expect(files.filter(({ path }) => path.includes("page-proxy"))).toEqual([]);
    expect(units.map(({ name }) => name)).not.toContain("warren-page.service");
    const model = modelWith({ login: "password" }, { noc: "right horse" });
    expect(JSON.stringify(model.files)).not.toContain("right horse");
    expect(model.files.find(({ path }) => path === peopleFile)).toMatchObject({ secret: true, mode: "0600" });
  });
});
