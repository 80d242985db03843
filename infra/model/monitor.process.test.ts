import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, request } from "node:http";
import { request as requestTls } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type AlertReceiver, receiveAlerts } from "../../agents/monitor/monitoring-events.ts";
import { freePort } from "../../scripts/traffic/free-port.ts";
import { type ProgramBinary, prometheusTools } from "../../tests/rigs/unpacked-program.ts";
import { parseStackConfig } from "../config/index.ts";
import { issueCertificate, makeAuthority } from "../resources/certificate-authority.ts";
import { contentOf, hostOf, stackValues } from "./fixture.ts";
import { eventsPort } from "./monitor-page.ts";
import { alertmanagerPort, exporterPort, nodeExporterPort, prometheusPort } from "./monitored.ts";
import { caFile, exporterCertificateFile } from "./tls.ts";

// The programs of a monitor with its files from the model, on loopback: px-1 of the lab, which is monitor and monitored.

const host = "px-1";
const address = "10.203.0.51";
const agents = ["dd-notify", "delivery-ftp", "delivery-sftp", "receiver-urls", "auditor", "monitor"];
/** Posts to the second place. */
let calls = 0;
const stub = createServer((asked, answer) => {
  if (asked.method === "POST") calls++;
  answer.setHeader("Content-Type", "application/openmetrics-text; version=1.0.0; charset=utf-8");
  answer.end("# TYPE warren_test gauge\nwarren_test 1\n# EOF\n");
});

/** Events of alerts for outsiders. The first is not confirmed. */
const events: { readonly id: string; readonly data: { readonly content: { readonly title: string } } }[] = [];
let receiver: AlertReceiver;

let folder: string;
let tools: Awaited<ReturnType<typeof prometheusTools>>;
let ports: Readonly<Record<"prometheus" | "alertmanager" | "node" | "proxy" | "stub", number>>;
let model: ReturnType<typeof hostOf>;
/** Of a host that is no monitor: a broker. */
let brokerCertificate: string;
let authority: string;
const running: ChildProcess[] = [];

beforeAll(async () => {
  tools = await prometheusTools();
  folder = await mkdtemp(join(tmpdir(), "warren-monitor-"));
  stub.listen(0, "127.0.0.1");
  await once(stub, "listening");
  const { port } = stub.address() as AddressInfo;
  receiver = await receiveAlerts({
    ...{ port: 0, centre: "ca-eccc-msc", nowMs: Date.now },
    async publish(event) {
      events.push(JSON.parse(event.toString()));
      return events.length > 1;
    },
  });
  ports = {
    ...{ prometheus: await freePort(), alertmanager: await freePort(), node: await freePort() },
    ...{ proxy: await freePort(), stub: port },
  };
  const values = stackValues("lab");
  const monitor = { deadManUrl: `http://127.0.0.1:${port}/second-place` };
  const secrets = { ...(values.secrets as object), monitor };
  const where = { broker: "wxo-b1", centre: "ca-eccc-msc" };
  const given = { ...values, secrets, monitor: { ...(values.monitor as object), events: where } };
  model = hostOf(host, parseStackConfig(given, "lab"));
  const ca = await makeAuthority("lab", 1);
  const own = await issueCertificate({ host, names: [host, "127.0.0.1"], client: true }, ca, 1);
  const broker = await issueCertificate({ host: "bunny1", names: ["bunny1", "127.0.0.1"] }, ca, 1);
  authority = ca.certificate;
  brokerCertificate = `${broker.certificate}${broker.key}`;
  await put(caFile, ca.certificate);
  await put(exporterCertificateFile, `${own.certificate}${own.key}`);
  for (const { path, content } of model.files.filter((file) => file.path.startsWith("/etc/prometheus/"))) {
    await put(path, path.endsWith("/warren.yml") ? onlyOwnTargets(content) : content);
  }
  start("prometheus-node-exporter");
  start("prometheus-exporter-exporter");
  start("prometheus-alertmanager", `--storage.path=${join(folder, "alertmanager")}`);
  // What fires before Prometheus knows its Alertmanager is sent again after this time, a minute by default.
  start("prometheus", `--storage.tsdb.path=${join(folder, "metrics")}`, "--rules.alert.resend-delay=2s");
});

afterAll(async () => {
  for (const program of running.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null)) {
    program.kill("SIGKILL");
    await once(program, "exit");
  }
  stub.closeAllConnections();
  stub.close();
  receiver.close();
  await rm(folder, { recursive: true, force: true });
});

/** The path in the test's folder of a file of the host. */
const local = (path: string): string => join(folder, path);

/** A text of the host with the test's paths, ports and address. */
function localised(text: string): string {
  return text
    .replaceAll(/\/etc\/(prometheus|warren)\//g, (path) => `${local(path)}/`)
    .replaceAll(`127.0.0.1:${prometheusPort}`, `127.0.0.1:${ports.prometheus}`)
    .replaceAll(`127.0.0.1:${alertmanagerPort}`, `127.0.0.1:${ports.alertmanager}`)
    .replaceAll(`127.0.0.1:${eventsPort}`, `127.0.0.1:${receiver.port}`)
    .replaceAll(`127.0.0.1:${nodeExporterPort}`, `127.0.0.1:${ports.node}`)
    .replaceAll(`"port": ${prometheusPort}`, `"port": ${ports.prometheus}`)
    .replaceAll(`"port": ${alertmanagerPort}`, `"port": ${ports.alertmanager}`)
    .replaceAll(`"port": ${nodeExporterPort}`, `"port": ${ports.node}`)
    .replaceAll(/"port": 91(0[1-9]|[1-9]\d)/g, `"port": ${ports.stub}`)
    .replaceAll(`:${exporterPort}`, `:${ports.proxy}`)
    .replaceAll(address, "127.0.0.1");
}

/** The monitor's own host is the only one that is there. */
function onlyOwnTargets(text: string): string {
  const config = JSON.parse(text);
  for (const job of config.scrape_configs) {
    job.static_configs = job.static_configs.filter((one: { labels: { host: string } }) => one.labels.host === host);
  }
  return JSON.stringify(config);
}

async function put(path: string, content: string): Promise<void> {
  await mkdir(dirname(local(path)), { recursive: true });
  await writeFile(local(path), localised(content), { mode: 0o600 });
}

/** Runs a command in a mount namespace in which its package's /usr/share is in place: Alertmanager reads templates there. */
const inPackageTree = (root: string): string[] => {
  const overlay = 'mount -t overlay overlay -o lowerdir="$0"/usr/share:/usr/share /usr/share && exec "$@"';
  return ["--mount", "--map-root-user", "sh", "-c", overlay, root];
};

/** Starts a program with the arguments of its unit. */
function start(name: keyof typeof tools, ...more: readonly string[]): void {
  const [, words = ""] = /^ARGS="(.*)"$/m.exec(contentOf(model, `/etc/default/${name}`)) ?? [];
  const { command, env } = tools[name];
  const log = process.env.SHOW_LOGS ? "inherit" : "ignore";
  const argv = [...inPackageTree(dirname(dirname(dirname(command)))), command, ...localised(words).split(" "), ...more];
  running.push(spawn("unshare", argv, { env: { ...process.env, ...env }, stdio: ["ignore", log, log] }));
}

/** The answer as JSON of any shape; undefined if there is none. */
// biome-ignore lint/suspicious/noExplicitAny: the tests compare it
async function ask(port: number, path: string): Promise<any> {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`).catch(() => undefined);
  return answer?.ok ? answer.json() : undefined;
}

/** The status of the proxy's answer to a client with this certificate; rejects if it refuses the connection. */
function askProxy(pem?: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const login = pem === undefined ? {} : { cert: pem, key: pem };
    const options = { host: "127.0.0.1", port: ports.proxy, path: "/proxy?module=node", ca: authority, ...login };
    requestTls(options, (answer) => {
      answer.resume();
      answer.on("error", reject).on("end", () => resolve(answer.statusCode));
    })
      .on("error", reject)
      .end();
  });
}

it("reaches each target over mutual TLS, with the labels of the design and no other", async () => {
  const targets = async () =>
    ((await ask(ports.prometheus, "/api/v1/targets"))?.data.activeTargets ?? []) as readonly {
      readonly health: string;
      readonly lastError: string;
      readonly labels: Record<string, string>;
    }[];
  const expected = [
    { job: "alertmanager", host, instance: host },
    { job: "node", host, instance: host },
    { job: "prometheus", host, instance: host },
    ...agents.map((agent) => ({ job: "agent", host, agent, instance: `${host}/${agent}` })),
  ];
  await expect
    .poll(async () => (await targets()).map(({ health, lastError }) => lastError || health))
    .toEqual(expected.map(() => "up"));
  const labels = (await targets()).map((target) => target.labels);
  expect(labels).toHaveLength(expected.length);
  expect(labels).toEqual(expect.arrayContaining(expected));
});

it("has the addresses of each network interface, so it is known who has a virtual IP", async () => {
  const query = "count(node_network_address_info)";
  await expect
    .poll(async () => (await ask(ports.prometheus, `/api/v1/query?query=${query}`))?.data.result.length)
    .toBe(1);
});

it("gives metrics to a monitor, and neither to a client without a certificate nor to a broker", async () => {
  expect(await askProxy(await readFile(local(exporterCertificateFile), "utf8"))).toBe(200);
  await expect(askProxy()).rejects.toThrow(/certificate|reset/i);
  await expect(askProxy(brokerCertificate)).rejects.toThrow(/certificate|reset/i);
});

it("does not answer without TLS", async () => {
  const plain = new Promise((resolve, reject) => {
    request({ host: "127.0.0.1", port: 9999 }, resolve).on("error", reject).end();
  });
  await expect(plain).rejects.toThrow(/ECONNREFUSED/);
});

it("passes the Watchdog to Alertmanager, which calls the second place", async () => {
  const names = async () =>
    ((await ask(ports.alertmanager, "/api/v2/alerts")) ?? []).map(
      (one: { labels: { alertname: string } }) => one.labels.alertname,
    );
  await expect.poll(names).toContain("Watchdog");
  await expect.poll(() => calls).toBeGreaterThan(0);
});

it("passes an alert for outsiders on as an event, again until the broker has it, and no other alert", async () => {
  const alerts = ["PublicStopped", "UnitDown"].map((alertname) => ({
    labels: { alertname, severity: "page" },
    annotations: { outsiders: alertname },
  }));
  await expect.poll(() => ask(ports.alertmanager, "/api/v2/status")).toBeDefined();
  await fetch(`http://127.0.0.1:${ports.alertmanager}/api/v2/alerts`, {
    ...{ method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(alerts) },
  });
  await expect.poll(() => events.length).toBe(2);
  expect(new Set(events.map(({ id }) => id)).size).toBe(1);
  expect(events[0]?.data.content.title).toBe("PublicStopped");
});

it.each(["/etc/prometheus/warren.yml", "/etc/prometheus/warren-rules.yml", "/etc/prometheus/warren-alertmanager.yml"])(
  "is validated before it replaces the former one: %s",
  async (path) => {
    const file = model.files.find((one) => one.path === path);
    const [program = "", ...words] = file?.validate ?? [];
    const tool: ProgramBinary = tools[program.replace("/usr/bin/", "") as "promtool" | "amtool"];
    const judge = async (content: string) => {
      await put("/etc/warren/candidate", content);
      const argv = words.map((word) => word.replace("{candidate}", local("/etc/warren/candidate")));
      execFileSync(tool.command, argv, { env: { ...process.env, ...tool.env }, stdio: "pipe" });
    };
    await judge(file?.content ?? "");
    await expect(judge('{"unknown": true}')).rejects.toThrow();
  },
);
