import { quote } from "../../../infra/commands/command.ts";
import { askedAs, lastLines, scriptAskedAs } from "../../../infra/commands/question.ts";
import { section } from "../../../infra/commands/sections.ts";
import { sshOptions } from "../../../infra/hosts/ssh.ts";
import { productAccount, serviceAccount, stateFolderOf } from "../../../infra/model/agent-part.ts";
import { type Chain, chainHostOf, type PublicRoad, queueDirectoriesOf, roadAt } from "./chain.ts";
import { keptPlaces, restartsQuestion } from "./restarts.ts";

/** Number of newest products reported: the newest may still be being written, and a fetch needs a complete one. */
const newestReported = 20;
/** Only the most recently changed folders are scanned: a day's tree has a hundred thousand products. */
const foldersScanned = 5;
const loopbackSeconds = 2;
const unitProperties = ["Id", "ActiveState", "SubState", "NRestarts", "StatusText", "Result", "ExecMainStatus"];

/**
 * GET in pure bash: hosts have neither curl nor wget, and Node takes a tenth of a second to start. Prints the answer's head, an empty line, and the body.
 */
const getScript =
  'exec 3<>"/dev/tcp/$0/$1" && printf "GET %s HTTP/1.0\\r\\nHost: %s\\r\\nConnection: close\\r\\n\\r\\n" "$2" "$0" >&3';

const get = (host: string, port: number, path: string, seconds: number, rest: string): string =>
  `timeout ${seconds} bash -c ${quote(`${getScript} && ${rest}`)} ${quote(host)} ${port} ${quote(path)} 2>&1`;

/** An agent's metrics have some ten thousand bytes; another program on its port could send without end. */
const spokenBytesMax = 4 * 1024 * 1024;

/** Prints the body. */
const getText = (port: number, path: string): string =>
  get("127.0.0.1", port, path, loopbackSeconds, `head -c ${spokenBytesMax} <&3`);

/** Prints the size of the body: `sed -u` reads no byte beyond the head. */
const getSize = (host: string, path: string, seconds: number): string =>
  get(host, 80, path, seconds, 'sed -u "/^\\r$/q" <&3 && wc -c <&3');

/** A read-only script that prints a host's part of the chain. `parseHost` reads its answer. */
export function hostQuestion(chain: Chain, name: string, withMetrics: boolean): string {
  const host = chainHostOf(chain, name);
  const units = [...host.units, ...host.agents.map(({ unit }) => unit)];
  const has = (agent: string) => host.agents.some((one) => one.name === agent);
  const lines = ["export LC_ALL=C", `echo ${quote(section("clock"))}`, "date +%s.%N"];
  if (units.length > 0) {
    lines.push(
      `echo ${quote(section("units"))}`,
      `systemctl show --property=${unitProperties.join(",")} ${units.map(quote).join(" ")}`,
    );
  }
  const kept = keptPlaces(host);
  if (kept.length > 0) lines.push(`echo ${quote(section("restarts"))}`, restartsQuestion(kept));
  lines.push(`echo ${quote(section("addresses"))}`, "ip -4 -o address show scope global");
  lines.push(
    `echo ${quote(section("disks"))}`,
    `timeout ${loopbackSeconds} df --block-size=1 --output=pcent,avail,target -- ${diskPaths(chain, name).map(quote).join(" ")} 2>/dev/null`,
  );
  for (const { name: agent, port } of host.agents) {
    lines.push(`echo ${quote(section(`health ${agent}`))}`, getText(port, "/health"));
    if (withMetrics) lines.push(`echo ${quote(section(`metrics ${agent}`))}`, getText(port, "/metrics"));
  }
  if (host.amqpPort !== undefined) lines.push(`echo ${quote(section("amqp"))}`, amqpQuestion(host.amqpPort));
  if (host.mqttPort !== undefined) lines.push(`echo ${quote(section("mqtt"))}`, portQuestion(host.mqttPort));
  lines.push(...publicQuestion(chain, name));
  if (has("announcer")) {
    lines.push(`echo ${quote(section("newest"))}`, newestProducts(chain.productRoot, productAccount.name));
    lines.push(
      `echo ${quote(section("announced"))}`,
      lastLines(productAccount.name, `${stateFolderOf("announcer")}/announced.journal -maxdepth 0`),
    );
  }
  if (has("puller")) {
    lines.push(
      `echo ${quote(section("placed"))}`,
      lastLines(productAccount.name, `${stateFolderOf("puller")} -maxdepth 1 -name 'placed-*.jsonl'`),
    );
  }
  lines.push(`echo; echo ${quote(section("end"))}`);
  return `${lines.join("\n")}\n`;
}

/** Sends AMQP's protocol header, which a broker answers at once; one byte of the answer is enough. */
const amqpQuestion = (port: number): string =>
  `timeout ${loopbackSeconds} bash -c ${quote(`exec 3<>/dev/tcp/127.0.0.1/${port} && printf 'AMQP\\x00\\x00\\x09\\x01' >&3 && head -c 1 <&3 | wc -c`)} 2>&1`;

/** Connects only: whether the broker itself answers is AMQP's question. */
const portQuestion = (port: number): string =>
  `timeout ${loopbackSeconds} bash -c ${quote(`exec 3<>/dev/tcp/127.0.0.1/${port} && echo 1`)} 2>&1`;

/** A host's part of the public data server paths. */
function publicQuestion(chain: Chain, name: string): string[] {
  const road = roadAt(chain, name);
  const lines: string[] = [];
  for (const [txq, directory] of Object.entries(queueDirectoriesOf(chain, name))) {
    lines.push(`echo ${quote(section(`txq ${txq}`))}`, waitingFiles(directory));
    lines.push(
      `echo ${quote(section(`aside ${txq}`))}`,
      scriptAskedAs(productAccount.name, `find ${quote(`${directory}/.aside`)} -type f -printf '\\n' | wc -l`),
    );
  }
  if (road?.server === name)
    lines.push(`echo ${quote(section("newest"))}`, newestProducts(road.productRoot, road.account, "C"));
  if (road?.clients.includes(name)) lines.push(`echo ${quote(section("fetched"))}`, lastNamed(road.clientDirectory));
  return lines;
}

/** The time of the file that has waited longest, and the number of files. Names with a leading dot are unfinished files. */
const waitingFiles = (directory: string): string =>
  scriptAskedAs(
    productAccount.name,
    `find ${quote(directory)} -mindepth 1 -name '.*' -prune -o -type f -printf '%C@\\n' | sort -n | sed -n '1p;$='`,
  );

/** When a file was last renamed into place in a folder; the subscriber does so after each fetch. */
const lastNamed = (directory: string): string => askedAs(productAccount.name, `stat -c %Y -- ${quote(directory)}`);

/** The tree whose newest products a host reports. */
export function productRootOf(chain: Chain, name: string): string {
  const road = chain.urps.includes(name) ? undefined : chain.publicRoads.find(({ server }) => server === name);
  return road?.productRoot ?? chain.productRoot;
}

/**
 * Time of the last change in seconds, size, path. Unfinished files have a name with a leading dot. Read by their owner, who can also read a folder
 * that the web server can't.
 */
function newestProducts(root: string, account: string, time: "T" | "C" = "T"): string {
  const folders = `find ${quote(root)} -type d -printf '%T@ %p\\0' | sort -znr | head -zn ${foldersScanned} | cut -zd' ' -f2-`;
  const files = `find -files0-from - -maxdepth 1 -type f ! -name '.*' -printf '%${time}@ %s %p\\n'`;
  return scriptAskedAs(account, `${folders} | ${files} | sort -nr | head -n ${newestReported}`);
}

/** Paths that this host must be able to write to. */
function diskPaths(chain: Chain, name: string): string[] {
  const { roles, agents } = chainHostOf(chain, name);
  const road = roadAt(chain, name);
  return [
    "/",
    ...(agents.length > 0 ? [serviceAccount.home] : []),
    ...(roles.includes("bunny") || roles.includes("dd") ? ["/var/lib/rabbitmq"] : []),
    ...(roles.includes("urp") ? [chain.productRoot] : []),
    ...(roles.includes("pds") ? [chain.receiverDirectory] : []),
    ...Object.values(queueDirectoriesOf(chain, name)),
    ...(road?.server === name ? [road.productRoot] : []),
    ...(road?.clients.includes(name) ? [road.clientDirectory] : []),
  ];
}

export interface Wanted {
  readonly from: string;
  /** As in a URL. */
  readonly path: string;
}

/**
 * Fetches products from radar servers or a public data server, one section each, all at the same time, and logs in as px's senders do. `parseFetches`
 * and `parseLogins` read the answer.
 */
export function fetchQuestion(wanted: readonly Wanted[], seconds: number, logins: readonly PublicLogin[] = []): string {
  const asked = wanted.map(({ from, path }, index): [string, string] => [
    `fetch ${index}`,
    getSize(from, path, seconds),
  ]);
  for (const login of logins) asked.push([`login ${login.server}`, loginQuestion(login, seconds)]);
  // Each answer is collected in a subshell, so that a hanging fetch delays no other one and answers do not mix.
  const lines = asked.map(([name, ask]) => `{ said=$(${ask}); printf '%s\\n' ${quote(section(name))} "$said"; } &`);
  return `export LC_ALL=C\n${lines.join("\n")}\nwait\necho; echo ${quote(section("end"))}\n`;
}

export type PublicLogin = NonNullable<PublicRoad["login"]> & { readonly server: string };

/** Prints the messages of `sftp`, then its exit code. */
function loginQuestion({ server, user, port, keyFile, knownHostsFile }: PublicLogin, seconds: number): string {
  const options = sshOptions({
    BatchMode: "yes",
    Port: String(port),
    IdentityFile: keyFile,
    StrictHostKeyChecking: "yes",
    UserKnownHostsFile: knownHostsFile,
    ConnectTimeout: String(Math.ceil(seconds)),
    LogLevel: "INFO",
  });
  const argv = ["sftp", ...options, "-b", "/dev/null", `${user}@${server}`];
  return `timeout ${seconds} ${argv.map(quote).join(" ")} 2>&1 >/dev/null; echo $?`;
}
