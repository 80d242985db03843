import { quote } from "../../infra/commands/command.ts";
import { section } from "../../infra/commands/sections.ts";
import { type Chain, chainHostOf } from "./chain.ts";

/** So many of the newest products are told: one that is being written may be the newest, and a fetch wants a whole one. */
const newestTold = 20;
/** Folders that files came into last: of a tree of a day with a hundred thousand products only these are looked through. */
const foldersLooked = 5;
const loopbackSeconds = 2;

/**
 * GET by bash alone: hosts have neither curl nor wget, and Node takes a tenth of a second to start. Says the answer's head, an empty line, and
 * the body.
 */
const getScript =
  'exec 3<>"/dev/tcp/$0/$1" && printf "GET %s HTTP/1.0\\r\\nHost: %s\\r\\nConnection: close\\r\\n\\r\\n" "$2" "$0" >&3';

const get = (host: string, port: number, path: string, seconds: number, rest: string): string =>
  `timeout ${seconds} bash -c ${quote(`${getScript} && ${rest}`)} ${quote(host)} ${port} ${quote(path)} 2>&1`;

/** The body itself. */
const getText = (port: number, path: string): string => get("127.0.0.1", port, path, loopbackSeconds, "cat <&3");

/** The body counted: `sed -u` takes no byte more than the head. */
const getSize = (host: string, path: string, seconds: number): string =>
  get(host, 80, path, seconds, 'sed -u "/^\\r$/q" <&3 && wc -c <&3');

/** One read-only script that answers what a host has to do with the road of the announcements. `parseHost` reads its answer. */
export function hostQuestion(chain: Chain, name: string, withMetrics: boolean): string {
  const host = chainHostOf(chain, name);
  const units = [...host.units, ...host.agents.map(({ unit }) => unit)];
  const has = (agent: string) => host.agents.some((one) => one.name === agent);
  const lines = ["export LC_ALL=C", `echo ${quote(section("clock"))}`, "date +%s.%N"];
  if (units.length > 0) {
    lines.push(
      `echo ${quote(section("units"))}`,
      `systemctl show --property=Id,ActiveState,SubState,NRestarts,StatusText ${units.map(quote).join(" ")}`,
    );
  }
  lines.push(`echo ${quote(section("addresses"))}`, "ip -4 -o address show scope global");
  lines.push(
    `echo ${quote(section("disks"))}`,
    `df --block-size=1 --output=pcent,avail,target -- ${diskPaths(chain, name).map(quote).join(" ")} 2>/dev/null`,
  );
  for (const { name: agent, port } of host.agents) {
    lines.push(`echo ${quote(section(`health ${agent}`))}`, getText(port, "/health"));
    if (withMetrics) lines.push(`echo ${quote(section(`metrics ${agent}`))}`, getText(port, "/metrics"));
  }
  if (has("announcer")) {
    lines.push(`echo ${quote(section("newest"))}`, newestProducts(chain.productRoot));
    lines.push(
      `echo ${quote(section("announced"))}`,
      "tail -n 1 /var/lib/warren/announcer/announced.journal 2>/dev/null",
    );
  }
  if (has("puller")) {
    lines.push(`echo ${quote(section("placed"))}`, "tail -qn 1 /var/lib/warren/puller/placed-*.jsonl 2>/dev/null");
  }
  lines.push(`echo; echo ${quote(section("end"))}`);
  return `${lines.join("\n")}\n`;
}

/** Time of the last change in seconds, size, path. A file that is being brought has a name with a leading dot. */
function newestProducts(root: string): string {
  const folders = `find ${quote(root)} -type d -printf '%T@ %p\\0' 2>/dev/null | sort -znr | head -zn ${foldersLooked} | cut -zd' ' -f2-`;
  const files = `find -files0-from - -maxdepth 1 -type f ! -name '.*' -printf '%T@ %s %p\\n' 2>/dev/null`;
  return `${folders} | ${files} | sort -nr | head -n ${newestTold}`;
}

/** Where this host has to write. */
export function diskPaths(chain: Chain, name: string): string[] {
  const { roles, agents } = chainHostOf(chain, name);
  return [
    "/",
    ...(agents.length > 0 ? ["/var/lib/warren"] : []),
    ...(roles.includes("bunny") || roles.includes("dd") ? ["/var/lib/rabbitmq"] : []),
    ...(roles.includes("urp") ? [chain.productRoot] : []),
    ...(roles.includes("pds") ? [chain.receiverDirectory] : []),
  ];
}

export interface Wanted {
  readonly from: string;
  /** As a URL has it. */
  readonly path: string;
}

/** Fetches products from radar servers, one section each. `parseFetches` reads the answer. */
export function fetchQuestion(wanted: readonly Wanted[], seconds: number): string {
  const lines = wanted.flatMap(({ from, path }, index) => [
    `echo ${quote(section(`fetch ${index}`))}`,
    getSize(from, path, seconds),
  ]);
  return `export LC_ALL=C\n${lines.join("\n")}\necho; echo ${quote(section("end"))}\n`;
}
