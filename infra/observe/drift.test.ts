import { describe, expect, it } from "vitest";
import { answered } from "../commands/fixture.ts";
import { fixtureModel } from "../model/fixture.ts";
import type { HostModel } from "../model/types.ts";
import { hostDrift } from "./drift.ts";
import { sha256, soundAnswer } from "./fixture.ts";
import { type Observation, parseObservation } from "./observation.ts";
import { hostObstacles } from "./obstacles.ts";
import { observationScript } from "./script.ts";

const bunny1 = fixtureModel().hosts.find((host) => host.name === "bunny1") as HostModel;
const sound = soundAnswer(bunny1);
const observed = (answer: string) => parseObservation(answered(answer)) as Observation;

describe("hostDrift", () => {
  it("finds nothing on a host that matches its model", () => {
    expect(hostDrift(bunny1, observed(sound))).toEqual(new Map());
  });

  const conf = "/etc/keepalived/keepalived.conf";
  const confFile = bunny1.files.find((file) => file.path === conf);
  const secret = bunny1.files.find((file) => file.secret);
  const program = bunny1.artifacts.at(-1);
  const rows: [string, (answer: string) => string, string, string[]][] = [
    ["content", (a) => a.replace(sha256(confFile?.content ?? ""), "f".repeat(64)), conf, ["content differs"]],
    [
      "a secret",
      (a) => a.replace(sha256(secret?.content ?? ""), "f".repeat(64)),
      secret?.path ?? "",
      ["content differs (a secret, not shown)"],
    ],
    [
      "a changed byte of a program",
      (a) => a.replace(program?.installedSha256 ?? "", "f".repeat(64)),
      program?.path ?? "",
      [`sha256 ffffffffffff… instead of sha256 ${program?.installedSha256.slice(0, 12)}…`],
    ],
    ["mode", (a) => a.replace(/^81a4 (.*keepalived.conf')$/m, "8180 $1"), conf, ["mode 0600 instead of 0644"]],
    [
      "owner",
      (a) => a.replace(/^81a4 root root (.*keepalived.conf')$/m, "81a4 root adm $1"),
      conf,
      ["owner root:adm instead of root:root"],
    ],
    ["a missing file", (a) => a.replaceAll(/^.*keepalived\.conf'?$\n/gm, ""), conf, ["is missing"]],
    [
      "a package of another series",
      (a) => a.replace("rabbitmq-server 3.10.8", "rabbitmq-server 4.0.5"),
      "packages",
      ["rabbitmq-server 4.0.5-1.1+deb12u1 instead of 3.10.*"],
    ],
    [
      "a package no longer held",
      (a) => a.replace(/^(rabbitmq-server .*) hold/m, "$1 install"),
      "packages",
      ["rabbitmq-server is not held"],
    ],
    ["a package gone", (a) => a.replace(/^keepalived 1:.*\n/m, ""), "packages", ["keepalived is not installed"]],
    [
      "a unit stopped",
      (a) => a.replace("Id=keepalived.service\nActiveState=active", "Id=keepalived.service\nActiveState=inactive"),
      "keepalived.service",
      ["is inactive instead of active"],
    ],
    [
      "a unit masked",
      (a) => a.replace(/(Id=keepalived.service\n.*\nUnitFileState=)enabled/, "$1masked"),
      "keepalived.service",
      ["is masked instead of enabled"],
    ],
    ["an account gone", (a) => a.replace(/^warren:x.*\n/m, ""), "accounts and folders", ["account warren is gone"]],
  ];
  it.each(rows)("finds only %s", (_, change, name, differences) => {
    const changed = change(sound);
    expect(changed).not.toBe(sound);
    expect(hostDrift(bunny1, observed(changed))).toEqual(new Map([[name, differences]]));
  });
});

describe("a thing of another kind than the model's", () => {
  const pds = fixtureModel().hosts.find((host) => host.name === "pds-5") as HostModel;
  const answer = soundAnswer(pds);
  const queue = "/apps/px/rxq/pull_urp";
  const conf = "/etc/warren/puller.json";
  /** The answer with the line of a path, and what is below it, replaced. */
  const with_ = (path: string, ...lines: string[]) => {
    const [before = "", after = ""] = answer.split("== sha256");
    const kept = before.split("\n").filter((line) => !line.includes(` ${path}\t`) && line !== "");
    return [...kept, ...lines, `== sha256${after}`].join("\n");
  };
  const line = (bits: number, path: string, rest = `'${path}'`, owner = "px", links = 1) =>
    `${bits.toString(16)} ${owner} ${owner} 11 ${links} ${path}\t${rest}`;
  const rows: [string, string, string, string][] = [
    [
      "a link where a folder is expected",
      with_(queue, line(0o120777, queue, `'${queue}' -> '/etc/warren'`)),
      "accounts and folders",
      `${queue} is a symbolic link to /etc/warren, not a folder`,
    ],
    [
      "a link whose target has a line break",
      with_(queue, line(0o120777, queue, `'${queue}' -> 'a'$'\\n''b'`)),
      "accounts and folders",
      `${queue} is a symbolic link to 'a'$'\\n''b', not a folder`,
    ],
    [
      "a link above a folder",
      with_("/apps/px/rxq", line(0o120777, "/apps/px/rxq", "'/apps/px/rxq' -> '/etc'")),
      "accounts and folders",
      "/apps/px/rxq is a symbolic link to /etc, not a folder",
    ],
    [
      "a file where a folder is expected",
      with_(queue, line(0o100644, queue)),
      "accounts and folders",
      `${queue} is a file, not a folder`,
    ],
    ["a FIFO where a file is expected", with_(conf, line(0o010644, conf)), conf, `${conf} is a FIFO, not a file`],
    ["a socket where a file is expected", with_(conf, line(0o140644, conf)), conf, `${conf} is a socket, not a file`],
    ["a device where a file is expected", with_(conf, line(0o020644, conf)), conf, `${conf} is a device, not a file`],
    ["a folder where a file is expected", with_(conf, line(0o040755, conf)), conf, `${conf} is a folder, not a file`],
    [
      "a folder that should be root's but belongs to another account",
      with_("/apps", line(0o040755, "/apps")),
      "accounts and folders",
      "/apps can be changed by others than root: px:px, mode 0755",
    ],
    [
      "a folder of root that is writable by all",
      with_("/apps", line(0o041777, "/apps", undefined, "root")),
      "accounts and folders",
      "/apps can be changed by others than root: root:root, mode 1777",
    ],
  ];

  it.each(rows)("is drift and an obstacle: %s", (_, changed, step, obstacle) => {
    expect(hostDrift(pds, observed(changed))).toEqual(new Map([[step, [obstacle]]]));
    expect(hostObstacles(pds, observed(changed))).toEqual(new Map([[step, [obstacle]]]));
  });

  it("above several files is an obstacle of each file's step", () => {
    const changed = with_("/etc/warren", line(0o120777, "/etc/warren", "'/etc/warren' -> '/tmp'", "root"));
    const below = pds.files.map(({ path }) => path).filter((path) => path.startsWith("/etc/warren/"));
    expect([...hostObstacles(pds, observed(changed)).keys()].sort()).toEqual(below.sort());
  });

  it("includes a file with several hard links in another account's folder, but not in root's", () => {
    const cookie = "/var/lib/rabbitmq/.erlang.cookie";
    const twice = (path: string) => sound.replace(new RegExp(` 1 ${path}\t`), ` 2 ${path}\t`);
    const obstacles = (path: string) => hostObstacles(bunny1, observed(twice(path)));
    expect(obstacles(cookie)).toEqual(new Map([[cookie, [`${cookie} has 2 hard links, not one`]]]));
    expect(obstacles("/etc/hosts")).toEqual(new Map());
  });

  it("does not include what is missing or what a step corrects", () => {
    expect(hostObstacles(bunny1, observed(sound))).toEqual(new Map());
    expect(hostObstacles(pds, observed(with_(queue)))).toEqual(new Map());
    expect(hostObstacles(pds, observed(with_(queue, line(0o040700, queue, undefined, "root"))))).toEqual(new Map());
  });
});

describe("parseObservation", () => {
  it("rejects a truncated answer, which would look like drift", () => {
    expect(parseObservation(answered(sound).slice(0, sound.length / 2))).toBeUndefined();
    expect(parseObservation("")).toBeUndefined();
  });
});

describe("a host's network state", () => {
  it("is parsed into addresses and ports of both families", () => {
    const answer = [
      "== addresses",
      "2: eth0    inet 10.203.2.21/24 brd 10.203.2.255 scope global eth0\\       valid_lft forever preferred_lft forever",
      "2: eth0    inet 10.203.2.50/32 scope global eth0\\       valid_lft forever preferred_lft forever",
      "== listening",
      "LISTEN 0      1024         0.0.0.0:15671      0.0.0.0:*",
      "LISTEN 0      128             [::]:22            [::]:*",
      "LISTEN 0      128                *:5672             *:*",
      "== end",
    ].join("\n");
    const { addresses, listening } = observed(answer);
    expect(addresses).toEqual(["10.203.2.21", "10.203.2.50"]);
    expect(listening).toEqual(new Set([15671, 22, 5672]));
  });
});

describe("observationScript", () => {
  it("reads no account's folder as root", () => {
    const script = observationScript(bunny1);
    const cookie = "/var/lib/rabbitmq/.erlang.cookie";
    const lines = script.split("\n").filter((line) => line.includes(cookie));
    expect(lines).toHaveLength(2);
    for (const line of lines)
      expect(line).toMatch(
        /^timeout --kill-after=1 4 env --chdir=\/ setpriv --reuid=rabbitmq --regid=rabbitmq --init-groups .* <\/dev\/null /,
      );
  });

  it("contains no secret of the stack", () => {
    for (const host of fixtureModel().hosts) expect(observationScript(host)).not.toMatch(/of-the-tests|COOKIEOF/);
  });
});
