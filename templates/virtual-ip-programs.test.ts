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

// The programs beside keepalived, run as they are rendered. That they are believed by keepalived is shown on real hosts, in the lab's tests.

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
    // Ends as its file says for the check that is its last argument.
    const asked = `#!/bin/sh\necho asked >&2\nfor check; do :; done\nexit "$(sed -n "s/^$check //p" ${answers})"\n`;
    script = program(
      `health-${number}`,
      renderBrokerHealth({ program: program(`diagnostics-${number}`, asked), control: "" }),
    );
  });
  const look = (alarms: number, hosts = 0): string => {
    writeFileSync(answers, `check_local_alarms ${alarms}\ncheck_virtual_hosts ${hosts}\n`);
    return execFileSync(script, [state]).toString();
  };
  const unhealthy = () => readFileSync(join(state, "unhealthy"), "utf8").trim();

  it("is good Perl, without a warning", async () => {
    const output = await new Promise((resolve) => execFile("perl", ["-wc", script], (_, __, text) => resolve(text)));
    expect(output).toBe(`${script} syntax OK\n`);
  });

  it("says healthy at its first look, and nothing more while that stays so", () => {
    expect(look(0)).toBe("healthy\n");
    expect(look(0)).toBe("");
    expect(unhealthy()).toBe("0");
  });

  it("takes a broker for unhealthy at the second failure in a row, and names the check", () => {
    expect(look(69)).toBe("healthy\n");
    expect(look(0)).toBe("");
    expect(look(0, 69)).toBe("");
    expect(look(0, 69)).toBe("unhealthy: check_virtual_hosts\n");
    expect(unhealthy()).toBe("1");
  });

  it("takes it for healthy again at the fourth good look in a row only", () => {
    for (const code of [69, 69, 0, 0, 0, 69, 0, 0, 0]) look(code);
    expect(unhealthy()).toBe("1");
    expect(look(0)).toBe("healthy\n");
    expect(unhealthy()).toBe("0");
  });

  it("says what it dies of, and nothing of what the programs say that it asks", () => {
    writeFileSync(answers, "check_local_alarms 69\ncheck_virtual_hosts 0\n");
    const told = spawnSync(script, [state], { encoding: "utf8" });
    expect(told).toMatchObject({ status: 0, stderr: "" });
    const gone = join(state, "gone");
    expect(spawnSync(script, [gone], { encoding: "utf8" }).stderr).toMatch(`${gone}/row: No such file or directory\n`);
  });

  it("counts no look that gave no verdict, such as one that took too long", () => {
    look(69);
    expect(look(75)).toBe("check_local_alarms ended with 75: no verdict\n");
    expect(look(69)).toBe("unhealthy: check_local_alarms\n");
    for (let more = 0; more < 9; more += 1) look(64);
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
    writeFileSync(join(state, "turn"), "true\n");
    writeFileSync(join(state, "made"), "2\n");
    // Both answer with what lies there.
    const checks = `#!/bin/sh\nfor check; do :; done\n[ $check = check_virtual_hosts ] || exit "$(cat ${state}/alarms)"\n`;
    const control = program(
      `control-${number}`,
      `#!/bin/sh\ncase "$*" in *register*) cat ${state}/turn;; *delete_member*) cat ${state}/made;; *) cat ${state}/answer;; esac\n`,
    );
    script = program(
      `quorum-health-${number}`,
      renderBrokerHealth({ program: program(`quorum-diagnostics-${number}`, checks), control }),
    );
  });
  const look = (answer: string): string => {
    writeFileSync(join(state, "answer"), answer);
    return execFileSync(script, [state]).toString();
  };
  const restarts = (): boolean => {
    const asked = existsSync(join(state, "restart"));
    rmSync(join(state, "restart"), { force: true });
    return asked;
  };

  it("takes a broker whose members of queues have ended for unhealthy, and has it restarted at the third look", () => {
    expect(look("[dead_queues,may_mend]\n")).toBe("healthy\n");
    expect(look("[dead_queues,may_mend]\n")).toBe("unhealthy: dead_queues\n");
    expect(restarts()).toBe(false);
    expect(look("[dead_queues,\n may_mend]\n")).toBe("a restart mends: dead_queues\n");
    expect(restarts()).toBe(true);
    expect(look("[dead_queues,may_mend]\n")).toBe("");
    expect(restarts()).toBe(false);
    for (let more = 0; more < 4; more += 1) look("[]\n");
    expect(readFileSync(join(state, "unhealthy"), "utf8")).toBe("0\n");
  });

  it("makes members of queues anew that have ended while others run, and those that a restart has left dead", () => {
    const damaged = ["[damaged_queues,may_mend]\n", "[damaged_queues,may_mend]\n", "[damaged_queues,may_mend]\n"];
    expect(damaged.map(look).at(-1)).toBe("made members of 2 queues anew: damaged_queues\n");
    for (let more = 0; more < 4; more += 1) look("[]\n");
    const dead = Array.from({ length: 6 }, () => look("[dead_queues,may_mend]\n"));
    expect(dead[2]).toBe("a restart mends: dead_queues\n");
    expect(restarts()).toBe(true);
    expect(dead[5]).toBe("made members of 2 queues anew: dead_queues\n");
    writeFileSync(join(state, "made"), "Error: noproc\n");
    expect(damaged.map(look).at(-1)).toContain("members of queues can't be made anew");
    expect(restarts()).toBe(false);
  });

  it("goes on looking by itself until nothing is left to decide, when it is given time", () => {
    const hurried = readFileSync(script, "utf8").replace(/^my \$pause_(bad|good) = \d+;$/gm, "my $pause_$1 = 0.01;");
    expect(hurried).toContain("my $pause_good = 0.01;");
    writeFileSync(script, hurried);
    const lookOn = (answer: string): string => {
      writeFileSync(join(state, "answer"), answer);
      return execFileSync(script, [state, "60"]).toString();
    };
    expect(lookOn("[]\n")).toBe("healthy\n");
    expect(lookOn("[dead_queues,may_mend]\n")).toBe("unhealthy: dead_queues\na restart mends: dead_queues\n");
    expect(restarts()).toBe(true);
    expect(lookOn("[]\n")).toBe("healthy\n");
    expect(lookOn("[dead_queues]\n")).toBe("unhealthy: dead_queues\n");
    expect(readFileSync(join(state, "row"), "utf8")).toBe("3\n");
  });

  it("has a broker restarted at once that a cut has parted from the others", () => {
    expect(look("[cut_off,may_mend]\n")).toBe("a restart mends: cut_off\nhealthy\n");
    expect(restarts()).toBe(true);
  });

  it("has a broker restarted at the third look that has parted from one that is no majority", () => {
    const lines = Array.from({ length: 3 }, () => look("[parted,may_mend]\n"));
    expect(lines).toEqual(["healthy\n", "unhealthy: parted\n", "a restart mends: parted\n"]);
    expect(restarts()).toBe(true);
  });

  it("has one restarted three times at most, until it is healthy again", () => {
    const lines = Array.from({ length: 6 }, () => look("[cut_off,may_mend]\n"));
    expect(lines.filter((line) => line.includes("a restart mends"))).toHaveLength(3);
    expect(lines.filter((line) => line.includes("mended 3 times, and still: cut_off"))).toHaveLength(1);
    restarts();
    for (let more = 0; more < 4; more += 1) look("[]\n");
    expect(look("[cut_off,may_mend]\n")).toContain("a restart mends");
    expect(restarts()).toBe(true);
  });

  it.each(["false\n", "{badrpc,nodedown}\n"])(
    "has none restarted whose turn it isn't, and it still may later: %j",
    (turn) => {
      writeFileSync(join(state, "turn"), turn);
      for (let more = 0; more < 5; more += 1) {
        expect(look("[cut_off,may_mend]\n")).toContain("waits for its turn to be mended: cut_off\n");
      }
      expect(restarts()).toBe(false);
      writeFileSync(join(state, "turn"), "true\n");
      expect(look("[cut_off,may_mend]\n")).toBe("a restart mends: cut_off\n");
      expect(restarts()).toBe(true);
    },
  );

  it("has none restarted that the cluster can't spare, or that has an alarm", () => {
    for (let more = 0; more < 5; more += 1) look("[cut_off]\n");
    expect(readFileSync(join(state, "unhealthy"), "utf8")).toBe("1\n");
    writeFileSync(join(state, "alarms"), "69\n");
    for (let more = 0; more < 5; more += 1) look("[cut_off,may_mend]\n");
    expect(restarts()).toBe(false);
  });

  it.each(["", "Error: unable to perform an operation on node\n", "{badrpc,timeout}\n"])(
    "counts no look whose answer isn't one: %j",
    (answer) => {
      look("[cut_off]\n");
      expect(look(answer)).toBe("no verdict on queues and members\n");
      expect(look("[cut_off]\n")).toBe("unhealthy: cut_off\n");
    },
  );

  it("is good Perl, without a warning", async () => {
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

  it("gives the address away by a moment's fault, then stays behind the others; once is enough", async () => {
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
    ["of a unit that was killed", "signal", "", "1\n"],
    ["of a unit that is stopped", "success", "7 warren-dispatcher.service stop running\n", "1\n"],
    ["of a unit that ended by itself", "success", "", "1\n"],
    ["of a unit that is restarted, but not", "success", "7 warren-dispatcher.service restart running\n", "0\n"],
    ["of a unit that is restarted and had to be killed", "timeout", "7 x.service restart running\n", "1\n"],
  ])("tells the end %s: %s", (_, result, listed, expected) => {
    call(["no"]);
    writeFileSync(jobs, listed);
    call(["ended", "operator", "warren-dispatcher.service"], { SERVICE_RESULT: result });
    expect(file()).toBe(expected);
  });

  it("says how it is called", () => {
    expect(() => call(["perhaps"])).toThrow(/usage: stand-back yes\|no/);
  });
});

describe("vrrp-watch", () => {
  let watch: ChildProcess | undefined;
  afterEach(async () => {
    const ending = watch;
    watch = undefined;
    if (!ending || ending.exitCode !== null) return;
    await new Promise((resolve) => ending.once("exit", resolve).kill());
  });

  it("says what comes through its FIFO, line by line and in order, whoever opens and closes it", async () => {
    const script = program("vrrp-watch", renderVrrpWatch({}));
    const fifo = join(folder, "states");
    let said = "";
    // An address for documentation: no host has it, and none is asked for it on an interface that isn't there.
    watch = spawn(script, [fifo, "bunny-op=none0=192.0.2.1"], { stdio: ["ignore", "pipe", "inherit"] });
    watch.stdout?.on("data", (data) => {
      said += data;
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
    await vi.waitFor(() => expect(said.split("\n")).toEqual(lines), 5000);
  });

  it("goes on with a FIFO that was made anew in the place of its own", async () => {
    const script = program("vrrp-watch-anew", renderVrrpWatch({}));
    const fifo = join(folder, "states-anew");
    let said = "";
    watch = spawn(script, [fifo, "bunny-op=none0=192.0.2.1"], { stdio: ["ignore", "pipe", "inherit"] });
    watch.stdout?.on("data", (data) => {
      said += data;
    });
    await vi.waitFor(() => expect(existsSync(fifo)).toBe(true), 5000);
    // In one step: where none is, the program makes one.
    execFileSync("mkfifo", [`${fifo}.new`]);
    renameSync(`${fifo}.new`, fifo);
    // Held open by its writer, as keepalived does: what is written before anybody reads is kept.
    const held = openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK);
    writeSync(held, 'INSTANCE "bunny-op" MASTER 150\n');
    await vi.waitFor(() => expect(said).toBe("bunny-op MASTER priority 150\n"), 8000);
    closeSync(held);
  });

  it("is good Perl, without a warning", async () => {
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

  it("is understood by systemd to the last key, its timer too", async () => {
    const root = mkdtempSync(join(folder, "root-"));
    const given = files.filter(
      ({ path }) => path.startsWith(`${unitFolder}/warren-`) || path.startsWith("/usr/local/"),
    );
    for (const { path, content, mode } of given) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), content);
      chmodSync(join(root, path), Number.parseInt(mode, 8));
    }
    // Programs of Debian's, for which the units ask.
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
