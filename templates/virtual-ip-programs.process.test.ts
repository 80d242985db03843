import { type ChildProcess, execFile, execFileSync, spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { fixtureModel } from "../infra/model/fixture.ts";
import { renderBrokerHealth, renderStandBack, renderVrrpWatch } from "./render.ts";

// The programs beside keepalived, run as rendered. The lab's tests show on real hosts that keepalived follows them.

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "warren-vip-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function program(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  chmodSync(path, 0o755);
  return path;
}

describe("broker-health", () => {
  let script: string;
  let state: string;
  let answers: string;
  let number = 0;
  beforeEach(() => {
    number += 1;
    answers = join(folder, `answers-${number}`);
    state = join(folder, `state-${number}`);
    mkdirSync(state);
    // Exits with the code in the file for the check, its last argument.
    const checks = `#!/bin/sh\necho noise >&2\nfor check; do :; done\nexit "$(sed -n "s/^$check //p" ${answers})"\n`;
    script = program(
      `health-${number}`,
      renderBrokerHealth({ program: program(`diagnostics-${number}`, checks), control: "" }),
    );
  });
  const check = (alarms: number, hosts = 0): string => {
    writeFileSync(answers, `check_local_alarms ${alarms}\ncheck_virtual_hosts ${hosts}\n`);
    return execFileSync(script, [state]).toString();
  };
  const unhealthy = () => readFileSync(join(state, "unhealthy"), "utf8").trim();

  it("is valid Perl, without warnings", async () => {
    const output = await new Promise((resolve) => execFile("perl", ["-wc", script], (_, __, text) => resolve(text)));
    expect(output).toBe(`${script} syntax OK\n`);
  });

  it("logs healthy at its first check, and nothing more while that lasts", () => {
    expect(check(0)).toBe("healthy\n");
    expect(check(0)).toBe("");
    expect(unhealthy()).toBe("0");
  });

  it("reports an unhealthy broker at the second failure in a row, with the check's name", () => {
    expect(check(69)).toBe("healthy\n");
    expect(check(0)).toBe("");
    expect(check(0, 69)).toBe("");
    expect(check(0, 69)).toBe("unhealthy: check_virtual_hosts\n");
    expect(unhealthy()).toBe("1");
  });

  it("reports it as healthy only at the fourth good check in a row", () => {
    for (const code of [69, 69, 0, 0, 0, 69, 0, 0, 0]) check(code);
    expect(unhealthy()).toBe("1");
    expect(check(0)).toBe("healthy\n");
    expect(unhealthy()).toBe("0");
  });

  it("logs its own errors, and not the standard error of the programs that it runs", () => {
    writeFileSync(answers, "check_local_alarms 69\ncheck_virtual_hosts 0\n");
    const result = spawnSync(script, [state], { encoding: "utf8" });
    expect(result).toMatchObject({ status: 0, stderr: "" });
    const gone = join(state, "gone");
    expect(spawnSync(script, [gone], { encoding: "utf8" }).stderr).toMatch(`${gone}/row: No such file or directory\n`);
  });

  it("ignores inconclusive checks, such as a timeout", () => {
    check(69);
    expect(check(75)).toBe("check_local_alarms exited with 75: inconclusive\n");
    expect(check(69)).toBe("unhealthy: check_local_alarms\n");
    for (let more = 0; more < 9; more += 1) check(64);
    expect(unhealthy()).toBe("1");
  });
});

describe("broker-health of a cluster with quorum queues", () => {
  let script: string;
  let state: string;
  let number = 0;
  beforeEach(() => {
    number += 1;
    state = join(folder, `quorum-state-${number}`);
    mkdirSync(state);
    writeFileSync(join(state, "alarms"), "0\n");
    writeFileSync(join(state, "claim"), "true\n");
    writeFileSync(join(state, "made"), "2\n");
    // Both programs answer with the contents of these files.
    const checks = `#!/bin/sh\nfor check; do :; done\n[ $check = check_virtual_hosts ] || exit "$(cat ${state}/alarms)"\n`;
    const control = program(
      `control-${number}`,
      `#!/bin/sh\ncase "$*" in *register*) cat ${state}/claim;; *delete_member*) cat ${state}/made;; *) cat ${state}/answer;; esac\n`,
    );
    script = program(
      `quorum-health-${number}`,
      renderBrokerHealth({ program: program(`quorum-diagnostics-${number}`, checks), control }),
    );
  });
  const check = (answer: string): string => {
    writeFileSync(join(state, "answer"), answer);
    return execFileSync(script, [state]).toString();
  };
  const takeRestart = (): boolean => {
    const requested = existsSync(join(state, "restart"));
    rmSync(join(state, "restart"), { force: true });
    return requested;
  };

  it("reports a broker with dead members of queues as unhealthy, and requests a restart at the third check", () => {
    expect(check("[dead_queues,may_repair]\n")).toBe("healthy\n");
    expect(check("[dead_queues,may_repair]\n")).toBe("unhealthy: dead_queues\n");
    expect(takeRestart()).toBe(false);
    expect(check("[dead_queues,\n may_repair]\n")).toBe("requesting a restart: dead_queues\n");
    expect(takeRestart()).toBe(true);
    expect(check("[dead_queues,may_repair]\n")).toBe("");
    expect(takeRestart()).toBe(false);
    for (let more = 0; more < 4; more += 1) check("[]\n");
    expect(readFileSync(join(state, "unhealthy"), "utf8")).toBe("0\n");
  });

  it("replaces dead members of queues if others run, or if a restart has not revived them", () => {
    const damaged = ["[damaged_queues,may_repair]\n", "[damaged_queues,may_repair]\n", "[damaged_queues,may_repair]\n"];
    expect(damaged.map(check).at(-1)).toBe("replaced members of 2 queues: damaged_queues\n");
    for (let more = 0; more < 4; more += 1) check("[]\n");
    const dead = Array.from({ length: 6 }, () => check("[dead_queues,may_repair]\n"));
    expect(dead[2]).toBe("requesting a restart: dead_queues\n");
    expect(takeRestart()).toBe(true);
    expect(dead[5]).toBe("replaced members of 2 queues: dead_queues\n");
    writeFileSync(join(state, "made"), "Error: noproc\n");
    expect(damaged.map(check).at(-1)).toContain("can't replace members of queues");
    expect(takeRestart()).toBe(false);
  });

  it("continues to check until the result can't change, if it is given time", () => {
    const hurried = readFileSync(script, "utf8").replace(/^my \$pause_(bad|good) = \d+;$/gm, "my $pause_$1 = 0.01;");
    expect(hurried).toContain("my $pause_good = 0.01;");
    writeFileSync(script, hurried);
    const checkOn = (answer: string): string => {
      writeFileSync(join(state, "answer"), answer);
      return execFileSync(script, [state, "60"]).toString();
    };
    expect(checkOn("[]\n")).toBe("healthy\n");
    expect(checkOn("[dead_queues,may_repair]\n")).toBe("unhealthy: dead_queues\nrequesting a restart: dead_queues\n");
    expect(takeRestart()).toBe(true);
    expect(checkOn("[]\n")).toBe("healthy\n");
    expect(checkOn("[dead_queues]\n")).toBe("unhealthy: dead_queues\n");
    expect(readFileSync(join(state, "row"), "utf8")).toBe("3\n");
  });

  it("requests a restart at once if a partition has cut the broker off from the majority", () => {
    expect(check("[cut_off,may_repair]\n")).toBe("requesting a restart: cut_off\nhealthy\n");
    expect(takeRestart()).toBe(true);
  });

  it("requests a restart at the third check if the broker has parted from a minority", () => {
    const lines = Array.from({ length: 3 }, () => check("[parted,may_repair]\n"));
    expect(lines).toEqual(["healthy\n", "unhealthy: parted\n", "requesting a restart: parted\n"]);
    expect(takeRestart()).toBe(true);
  });

  it("requests at most three restarts until the broker is healthy again", () => {
    const lines = Array.from({ length: 6 }, () => check("[cut_off,may_repair]\n"));
    expect(lines.filter((line) => line.includes("requesting a restart"))).toHaveLength(3);
    expect(lines.filter((line) => line.includes("still unhealthy after 3 repairs, giving up: cut_off"))).toHaveLength(
      1,
    );
    takeRestart();
    for (let more = 0; more < 4; more += 1) check("[]\n");
    expect(check("[cut_off,may_repair]\n")).toContain("requesting a restart");
    expect(takeRestart()).toBe(true);
  });

  it.each(["false\n", "{badrpc,nodedown}\n"])(
    "requests no restart while another member is being repaired, and may later: %j",
    (claim) => {
      writeFileSync(join(state, "claim"), claim);
      for (let more = 0; more < 5; more += 1) {
        expect(check("[cut_off,may_repair]\n")).toContain("waiting for another member's repair: cut_off\n");
      }
      expect(takeRestart()).toBe(false);
      writeFileSync(join(state, "claim"), "true\n");
      expect(check("[cut_off,may_repair]\n")).toBe("requesting a restart: cut_off\n");
      expect(takeRestart()).toBe(true);
    },
  );

  it("requests no restart if the cluster can't spare the broker, or during an alarm", () => {
    for (let more = 0; more < 5; more += 1) check("[cut_off]\n");
    expect(readFileSync(join(state, "unhealthy"), "utf8")).toBe("1\n");
    writeFileSync(join(state, "alarms"), "69\n");
    for (let more = 0; more < 5; more += 1) check("[cut_off,may_repair]\n");
    expect(takeRestart()).toBe(false);
  });

  it.each(["", "Error: unable to perform an operation on node\n", "{badrpc,timeout}\n"])(
    "ignores a check with an invalid answer: %j",
    (answer) => {
      check("[cut_off]\n");
      expect(check(answer)).toBe("check of queues and members: inconclusive\n");
      expect(check("[cut_off]\n")).toBe("unhealthy: cut_off\n");
    },
  );

  it("is valid Perl, without warnings", async () => {
    const output = await new Promise((resolve) => execFile("perl", ["-wc", script], (_, __, text) => resolve(text)));
    expect(output).toBe(`${script} syntax OK\n`);
  });
});

describe("stand-back", () => {
  let script: string;
  let jobs: string;
  let bin: string;
  const file = () => readFileSync(join(folder, "operator"), "utf8");
  beforeAll(() => {
    script = program("stand-back", renderStandBack({ folder }));
    jobs = join(folder, "jobs");
    bin = join(folder, "bin");
    mkdirSync(bin);
    program("bin/systemctl", `#!/bin/sh\ncat ${jobs}\n`);
  });
  const call = (args: readonly string[], env: Record<string, string> = {}) =>
    execFileSync(script, args, { env: { PATH: `${bin}:${process.env.PATH}`, ...env } });

  it("releases the address by a short fault, then ranks behind the others; a repeat changes nothing", async () => {
    const seen: string[] = [];
    const moving = new Promise((resolve) => execFile(script, ["yes"], resolve));
    await vi.waitFor(() => expect(file()).toBe("254\n"), { timeout: 5000, interval: 5 });
    await moving;
    seen.push(file());
    const slept = join(folder, "slept");
    program("bin/sleep", `#!/bin/sh\necho slept > ${slept}\n`);
    call(["yes"]);
    expect(existsSync(slept)).toBe(false);
    call(["no"]);
    expect([...seen, file()]).toEqual(["1\n", "0\n"]);
  });

  it.each([
    ["steps aside", "was killed", "signal", "", "1\n"],
    ["steps aside", "is stopped", "success", "7 warren-dispatcher.service stop running\n", "1\n"],
    ["steps aside", "exited by itself", "success", "", "1\n"],
    ["doesn't step aside", "is restarted", "success", "7 warren-dispatcher.service restart running\n", "0\n"],
    ["steps aside", "is restarted and had to be killed", "timeout", "7 x.service restart running\n", "1\n"],
  ])("%s for a unit that %s", (_, __, result, listed, expected) => {
    call(["no"]);
    writeFileSync(jobs, listed);
    call(["ended", "operator", "warren-dispatcher.service"], { SERVICE_RESULT: result });
    expect(file()).toBe(expected);
  });

  it("prints its usage for wrong arguments", () => {
    expect(() => call(["perhaps"])).toThrow(/usage: stand-back yes\|no/);
  });
});

describe("vrrp-watch", () => {
  let watch: ChildProcess | undefined;
  afterEach(async () => {
    const child = watch;
    watch = undefined;
    if (!child || child.exitCode !== null) return;
    await new Promise((resolve) => child.once("exit", resolve).kill());
  });

  it("logs the lines from its FIFO in order, also when writers open and close it", async () => {
    const script = program("vrrp-watch", renderVrrpWatch({}));
    const fifo = join(folder, "states");
    let output = "";
    // A documentation address that no host has. The interface doesn't exist, so no probe is sent.
    watch = spawn(script, [fifo, "bunny-op=none0=192.0.2.1"], { stdio: ["ignore", "pipe", "inherit"] });
    watch.stdout?.on("data", (data) => {
      output += data;
    });
    await vi.waitFor(() => expect(existsSync(fifo)).toBe(true), 5000);
    writeFileSync(fifo, 'INSTANCE "bunny-op" BACKUP 150\nINSTANCE "bunny-op" MAS');
    writeFileSync(fifo, 'TER 150\nGROUP "all" FAULT 0\nINSTANCE "bunny-op" FAULT 150\n');
    const lines = [
      "bunny-op BACKUP priority 150",
      "bunny-op MASTER priority 150",
      'GROUP "all" FAULT 0',
      "bunny-op FAULT priority 150",
      "",
    ];
    await vi.waitFor(() => expect(output.split("\n")).toEqual(lines), 5000);
  });

  it("reopens a FIFO that was replaced", async () => {
    const script = program("vrrp-watch-anew", renderVrrpWatch({}));
    const fifo = join(folder, "states-anew");
    let output = "";
    watch = spawn(script, [fifo, "bunny-op=none0=192.0.2.1"], { stdio: ["ignore", "pipe", "inherit"] });
    watch.stdout?.on("data", (data) => {
      output += data;
    });
    await vi.waitFor(() => expect(existsSync(fifo)).toBe(true), 5000);
    // In one step, because the program creates a missing FIFO.
    execFileSync("mkfifo", [`${fifo}.new`]);
    renameSync(`${fifo}.new`, fifo);
    // The writer holds it open, as keepalived does, so that early lines are kept.
    const held = openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK);
    writeSync(held, 'INSTANCE "bunny-op" MASTER 150\n');
    await vi.waitFor(() => expect(output).toBe("bunny-op MASTER priority 150\n"), 8000);
    closeSync(held);
  });

  it("is valid Perl, without warnings", async () => {
    const script = program("vrrp-watch-c", renderVrrpWatch({}));
    const output = await new Promise((resolve) => execFile("perl", ["-wc", script], (_, __, text) => resolve(text)));
    expect(output).toBe(`${script} syntax OK\n`);
  });
});

describe.each(["warren-vip.service", "warren-broker-health.service"])("%s", (unit) => {
  const unitFolder = "/etc/systemd/system";
  const files = fixtureModel().hosts.find((host) => host.name === "bunny1")?.files ?? [];
  const analyze = (...args: string[]) =>
    new Promise<{ code: number; output: string }>((resolve) => {
      const child = execFile("systemd-analyze", args, (_, stdout, stderr) =>
        resolve({ code: child.exitCode ?? 1, output: stdout + stderr }),
      );
    });

  it("passes systemd-analyze verify, with its timer", async () => {
    const root = mkdtempSync(join(folder, "root-"));
    const given = files.filter(
      ({ path }) => path.startsWith(`${unitFolder}/warren-`) || path.startsWith("/usr/local/"),
    );
    for (const { path, content, mode } of given) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), content);
      chmodSync(join(root, path), Number.parseInt(mode, 8));
    }
    // Debian's programs that the units use.
    mkdirSync(join(root, "usr/bin"), { recursive: true });
    copyFileSync("/bin/true", join(root, "usr/bin/systemctl"));
    const units = given.flatMap(({ path }) => (path.startsWith(`${unitFolder}/${unit.split(".")[0]}.`) ? [path] : []));
    expect(units.length).toBeGreaterThan(0);
    const verify = [`--root=${root}`, "--recursive-errors=no", "--man=no", "verify", ...units];
    expect(await analyze(...verify)).toEqual({ code: 0, output: "" });
  });

  it("is sandboxed to an exposure of at most 2.0", async () => {
    const file = program(unit, files.find(({ path }) => path === `${unitFolder}/${unit}`)?.content ?? "");
    const { code, output } = await analyze("security", "--offline=true", "--threshold=20", "--no-pager", file);
    expect(output).toMatch(/Overall exposure level for \S+: \d/);
    expect(code, output).toBe(0);
  });
});
