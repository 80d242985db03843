import { configSchema } from "../../../agents/sender/config.ts";
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
    draft.fault(
      whole,
      "accepts no file: it would delete all files",
      "add rules: accept .*, after the directory they go to",
    );
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
  if (host === undefined) draft.fault(whole, "has no host", "add the server's: host NAME");
  if (user === undefined) draft.fault(whole, "has no user", "add the user: user NAME");
  const seconds = draft.number("timeout", 1, connectSecondsMax);
  const keyFile = draft.text("ssh_keyfile");
  const password = draft.lineOf("password");
  const isHidden = password !== undefined && /^\*+$/.test(password.words[0]);
  const needsPassword = type === "ftp" || keyFile === undefined;
  if (needsPassword && (password === undefined || isHidden)) {
    const why = password === undefined ? "has no password" : "is asterisks, not a password";
    const remedy = "write only the user's password into the file sender-password beside the config, mode 0600";
    draft.find(password ?? { ...whole, option: "password", words: [""] }, { kind: "unexpressed", why, remedy });
  }
  const server = {
    host,
    port: draft.number("port", 1, portMax),
    user,
    connectTimeoutMs: seconds === undefined ? undefined : Math.max(connectSecondsMin, seconds) * 1000,
    passwordFile: needsPassword ? "sender-password" : undefined,
    ...(type === "sftp" ? sftpPart(draft, whole, host, keyFile) : { mode: modeOf(draft) }),
  };
  return { server, password: needsPassword && !isHidden ? password?.words[0] : undefined };
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

/** What sftp_amqp.py knew and its config does not contain. */
function tellOfScript(draft: Draft, script: ConfLine, host: string | undefined, pxRoot: string): void {
  const txq = `${pxRoot}/txq/dd-notify-${host?.split(".")[0] ?? "HOST"}`;
  draft.find(script, {
    kind: "unexpressed",
    why: "the script knew which txq gets the notice of a delivery, and with which URL; this file does not",
    remedy: `add "notify": { "queueDirectory": "${txq}", "baseUrl": "http://PUBLIC-NAME/" }, the URL of what is \`root\` here`,
  });
}
