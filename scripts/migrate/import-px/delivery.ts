import { configSchema } from "../../../agents/sender/config.ts";
import { passwordOf } from "./broker.ts";
import type { ConfLine } from "./conf.ts";
import { deliveryRules } from "./delivery-rules.ts";
import type { Draft } from "./draft.ts";
import type { Place } from "./findings.ts";
import { type Made, type Target, tellIssues } from "./made.ts";
import { leftOfDelivery } from "./options.ts";
import { txqPart } from "./txq-part.ts";

const optionOf: Readonly<Record<string, string>> = { rules: "accept", server: "host", chmod: "chmod", lock: "lock" };

const portMax = 65_535;
/** Sundew's shortest and the agent's longest time for a login. */
const connectSecondsMin = 30;
const connectSecondsMax = 600;
/** The default mode of a file. */
const chmodUsual = "666";

/** A sender that delivers by FTP or SFTP, by itself or by sftp_amqp.py, as the sender agent's config. */
export function importDelivery(draft: Draft, whole: Place, target: Target): Made {
  const { name, root: pxRoot, metricsPort } = target;
  const type = draft.text("protocol") === "sftp" ? "sftp" : "ftp";
  const { server, password } = serverPart(draft, whole, type);
  const { root, rules } = deliveryRules(draft, whole);
  if (!rules.some(({ accept }) => accept !== undefined)) {
    const remedy = "add its accept lines, each after the directory that its files go to";
    draft.miss(whole, "accept", "it accepts no file, and would delete all of them", remedy);
  }
  const script = draft.lineOf("send_script");
  if (script) tellOfScript(draft, script, server.host, pxRoot);
  const txq = txqPart(draft, `${pxRoot}/txq/${name}`, rules, leftOfDelivery);
  const binary = draft.lineOf("binary");
  if (binary && draft.flag("binary") === false) {
    const why = "the agent sends bytes unchanged, never as text";
    draft.find(binary, {
      kind: "unexpressed",
      why,
      remedy: "check that the other side accepts line endings unchanged",
    });
  }
  draft.flag("dir_pattern");
  // A script of its own made them as it liked; by default the others made none.
  const makesDirectories = draft.flag("dir_mkdir") ?? (script ? undefined : false);
  const config = {
    metrics: { port: metricsPort },
    log: draft.flag("debug") ? { level: "debug" } : undefined,
    type,
    ...txq,
    root,
    lock: lockOf(draft),
    chmod: chmodOf(draft),
    makeDirectories: makesDirectories,
    server,
  };
  draft.leaveRest(leftOfDelivery);
  const plain = JSON.parse(JSON.stringify(config));
  tellIssues(draft, whole, optionOf, configSchema.safeParse(plain).error?.issues);
  return { config: plain, password };
}

function serverPart(draft: Draft, whole: Place, type: "sftp" | "ftp") {
  const host = draft.text("host");
  const user = draft.text("user");
  if (host === undefined) draft.miss(whole, "host", "it names no server", "add it: host NAME");
  if (user === undefined) draft.miss(whole, "user", "it names no user of the server", "add it: user NAME");
  const seconds = draft.number("timeout", 1, connectSecondsMax);
  const keyFile = draft.text("ssh_keyfile");
  const needsPassword = type === "ftp" || keyFile === undefined;
  const password = needsPassword ? passwordOf(draft, whole, "sender-password", "deliveryPassword") : undefined;
  const server = {
    host,
    port: draft.number("port", 1, portMax),
    user,
    connectTimeoutMs: seconds === undefined ? undefined : Math.max(connectSecondsMin, seconds) * 1000,
    passwordFile: needsPassword ? "sender-password" : undefined,
    ...(type === "sftp" ? sftpPart(draft, whole, host, keyFile) : { mode: modeOf(draft) }),
  };
  return { server, password };
}

function sftpPart(draft: Draft, whole: Place, host: string | undefined, keyFile: string | undefined) {
  const mode = draft.lineOf("ftp_mode");
  if (mode) draft.find(mode, { kind: "noted", why: "SFTP has no modes", remedy: "none is needed" });
  draft.find(draft.lineOf("protocol") ?? { ...whole, option: "protocol", words: ["sftp"] }, {
    kind: "unexpressed",
    why: "the old program accepted any host key; the agent accepts those in the file known_hosts",
    remedy: `beside the config: ssh-keyscan ${host ?? "HOST"} > known_hosts, compared with the host's own keys`,
  });
  return { keyFile, knownHostsFile: "known_hosts" };
}

function modeOf(draft: Draft): "active" | "passive" {
  draft.lineOf("ssh_keyfile");
  return draft.text("ftp_mode") === "active" ? "active" : "passive";
}

function lockOf(draft: Draft): string | undefined {
  const line = draft.lineOf("lock");
  if (!line) return undefined;
  const [lock] = line.words;
  if (lock === "umask" || lock.startsWith(".")) return lock;
  const why = `lock ${lock} meant no lock: files could be read in parts; the agent names them .tmp until they are complete`;
  draft.find(line, { kind: "noted", why, remedy: "none is needed" });
  return undefined;
}

function chmodOf(draft: Draft): string {
  const line = draft.lineOf("chmod");
  if (!line) return chmodUsual;
  const mode = line.words[0].replace(/^0+(?=[0-7]{3}$)/, "");
  if (/^[0-7]{3}$/.test(mode)) return mode;
  const why = `${line.words[0]} is not a mode: ${chmodUsual} is written`;
  draft.find(line, { kind: "unexpressed", why, remedy: "give three octal digits, e.g. chmod 775" });
  return chmodUsual;
}

/** What takes the place of sftp_amqp.py, and what to check: its config does not contain what the script knew. */
function tellOfScript(draft: Draft, script: ConfLine, host: string | undefined, pxRoot: string): void {
  const txq = `${pxRoot}/txq/dd-notify-${host?.split(".")[0] ?? "HOST"}`;
  draft.find(script, {
    kind: "unexpressed",
    why: "the sender takes the place of the script: it delivers, then writes the URL of each product into the txq of a sender of type amqp",
    remedy: `say which, as the script did: "notify": { "queueDirectory": "${txq}", "baseUrl": "http://PUBLIC-NAME/" }, the URL of what is \`root\` here; in a stack: datamart.delivery.notifyDirectory and datamart.baseUrl`,
  });
  draft.find(script, {
    kind: "unexpressed",
    why: "the script could place files elsewhere than directory and filename say, and make directories as it liked",
    remedy:
      "read it, and compare the first products' paths on the server with the old ones; say differences by the rules' directory and fileName",
  });
}
