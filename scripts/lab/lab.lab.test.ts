import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, describe, expect, it } from "vitest";
import { poll } from "../lib/poll.ts";
import {
  allocateLabIndex,
  bootHost,
  cutLink,
  fillDisk,
  freeDisk,
  healLink,
  healNetwork,
  hostExec,
  hostRoot,
  killHost,
  type LabHost,
  type LabSpec,
  labDown,
  labStatus,
  labUp,
  netem,
  partition,
  stopHost,
} from "./index.ts";

async function twoHosts(name: string): Promise<LabSpec> {
  const index = await allocateLabIndex(name);
  const host = (byte: number) => ({
    name: `host-${byte}`,
    address: `10.203.${index}.${byte}`,
    release: "bookworm" as const,
  });
  return { name, index, hosts: [host(11), { ...host(12), diskMb: 200 }] };
}

/** Traces of a lab on the machine, queried without the lab's code. */
function traces(index: number): string[] {
  const ask = (program: string, ...argv: string[]) => execFileSync(program, argv).toString().split("\n");
  const processes = readdirSync("/proc").flatMap((pid) => {
    if (!/^\d+$/.test(pid)) return [];
    try {
      return [readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ")];
    } catch {
      return [];
    }
  });
  return [
    ...ask("ip", "-brief", "link").filter((line) => line.startsWith(`wl${index} `) || line.startsWith(`wl${index}h`)),
    ...ask("ip", "netns").filter((line) => line.startsWith(`wl${index}-`)),
    ...ask("nft", "list", "tables").filter((line) => new RegExp(` warren-lab-${index}(-|$)`).test(line)),
    ...readFileSync("/proc/self/mounts", "utf8")
      .split("\n")
      .filter((line) => line.includes(`-${index}/host-1`)),
    ...processes.filter((line) => line.includes(`wl${index}-host-1`) || line.includes(`/run/warren-lab/${index}/`)),
    ...ask("find", "/sys/fs/cgroup", "-path", `*/warren-lab/${index}`),
  ].filter(Boolean);
}

const stateOf = async (name: string, host: string) =>
  (await labStatus(name))?.hosts.find((each) => each.name === host)?.state;

/** A process that starts a lab and prints its progress line by line. */
function bringUp(spec: LabSpec): { child: ChildProcess; line: (pattern: RegExp) => Promise<string> } {
  const index = JSON.stringify(join(import.meta.dirname, "index.ts"));
  const interruption = JSON.stringify(join(import.meta.dirname, "../lib/interruption.ts"));
  const script = `import { labUp } from ${index};
    import { interruptibleTwice } from ${interruption};
    await interruptibleTwice({ verb: "lab", second: () => "" }, (signal) => labUp(${JSON.stringify(spec)}, { signal, report: (step) => console.log(JSON.stringify(step)) }))
      .catch((error) => console.log(error.message));`;
  const child = spawn(process.execPath, ["--input-type=module-typescript", "-e", script], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const lines = createInterface({ input: child.stdout });
  const line = (pattern: RegExp) =>
    new Promise<string>((resolve, reject) => {
      lines.on("line", (text) => pattern.test(text) && resolve(text));
      lines.on("close", () => reject(new Error(`exited before ${pattern}`)));
    });
  return { child, line };
}

describe("a lab of two hosts", () => {
  const name = "test-hosts";
  afterAll(() => labDown(name));

  it("starts with hosts that accept ssh, run systemd, and know each other's addresses", async () => {
    const spec = await twoHosts(name);
    expect((await labUp(spec)).booted).toEqual(["host-11", "host-12"]);
    const system = await hostExec(name, "host-11", ["systemctl", "is-system-running", "--wait"], { reject: false });
    expect(system.stdout).toBe("running");
    const other = await hostExec(name, "host-11", [
      "bash",
      "-c",
      `exec 3<>/dev/tcp/${spec.hosts[1]?.address}/22; head -1 <&3`,
    ]);
    expect(other.stdout).toMatch(/^SSH-2.0/);
  });

  it("is not changed by a second up", async () => {
    const before = await hostExec(name, "host-11", ["cat", "/proc/1/stat"]);
    expect((await labUp(await twoHosts(name))).booted).toEqual([]);
    expect((await hostExec(name, "host-11", ["cat", "/proc/1/stat"])).stdout.split(" ")[21]).toBe(
      before.stdout.split(" ")[21],
    );
  });

  it("passes arguments, input and exit codes unchanged", async () => {
    const words = ["a b", "$HOME", "it's", "`x`", ""];
    const echoed = await hostExec(name, "host-11", ["printf", "%s|", ...words]);
    expect(echoed.stdout).toBe(words.map((word) => `${word}|`).join(""));
    expect((await hostExec(name, "host-11", ["cat"], { input: "ü\n" })).stdout).toBe("ü");
    expect((await hostExec(name, "host-11", ["sh", "-c", "exit 7"], { reject: false })).exitCode).toBe(7);
    await expect(hostExec(name, "host-11", ["false"])).rejects.toThrow(/`false` ended with 1/);
    await expect(hostExec(name, "nobody", ["true"])).rejects.toThrow(/is not a host of lab test-hosts/);
  });

  it("lets the ordinary user become root without a password, and shows a host's files from outside", async () => {
    await hostExec(name, "host-12", ["sudo", "sh", "-c", "echo kept > /srv/kept"], { user: "ops" });
    expect(readFileSync(join(await hostRoot(name, "host-12"), "srv/kept"), "utf8")).toBe("kept\n");
  });

  it("sandboxes units as a real host does", async () => {
    const properties = [
      "DynamicUser=yes",
      "ProtectSystem=strict",
      "PrivateTmp=yes",
      "PrivateDevices=yes",
      "LoadCredential=secret:/etc/hostname",
    ];
    const options = properties.flatMap((property) => ["-p", property]);
    const command = ["sh", "-c", 'cat "$CREDENTIALS_DIRECTORY/secret"; touch /etc/x 2>/dev/null || echo refused'];
    const unit = await hostExec(name, "host-11", [
      "systemd-run",
      "--quiet",
      "--wait",
      "--pipe",
      ...options,
      ...command,
    ]);
    expect(unit.stdout).toBe("host-11\nrefused");
  });

  it("removes a host's carrier when its cable is pulled, and restores it with the cable", async () => {
    const started = await hostExec(name, "host-11", ["cat", "/proc/sys/kernel/random/boot_id"]);
    await cutLink(name, "host-11");
    expect(await stateOf(name, "host-11")).toBe("unreachable");
    await healLink(name, "host-11");
    await poll(async () => (await stateOf(name, "host-11")) === "running", { everyMs: 50, withinMs: 10_000 });
    expect((await hostExec(name, "host-11", ["cat", "/proc/sys/kernel/random/boot_id"])).stdout).toBe(started.stdout);
  });

  it("keeps a host's disk after a power cut, and boots it again", async () => {
    const uptime = async () => (await labStatus(name))?.hosts[1]?.uptimeSeconds;
    await killHost(name, "host-12");
    expect(await stateOf(name, "host-12")).toBe("off");
    await expect(hostExec(name, "host-12", ["true"])).rejects.toThrow(/ssh failed/);
    await bootHost(name, "host-12");
    expect(await uptime()).toBeLessThan(5);
    expect((await hostExec(name, "host-12", ["cat", "/srv/kept"])).stdout).toBe("kept");
  });

  it("starts a host that has shut itself down at the next up", async () => {
    await hostExec(name, "host-12", ["systemctl", "poweroff"], { reject: false }).catch(() => {});
    await poll(async () => (await stateOf(name, "host-12")) === "off", { everyMs: 50, withinMs: 15_000 });
    expect((await labUp(await twoHosts(name))).booted).toEqual(["host-12"]);
  });

  it("restarts a host that reboots", async () => {
    const boot = async () =>
      hostExec(name, "host-12", ["cat", "/proc/sys/kernel/random/boot_id"], { timeoutMs: 3_000 });
    const before = (await boot()).stdout;
    await hostExec(name, "host-12", ["systemctl", "reboot"], { reject: false }).catch(() => {});
    const after = await poll(
      async () => {
        const id = await boot().then(
          ({ stdout }) => stdout,
          () => before,
        );
        return id !== before && id;
      },
      { everyMs: 100, withinMs: 30_000 },
    );
    expect(after).toMatch(/^[0-9a-f-]{36}$/);
  });

  it("partitions hosts, loses packets, and heals both", async () => {
    const { hosts } = await twoHosts(name);
    const reach = ["timeout", "1", "bash", "-c", `exec 3<>/dev/tcp/${hosts[1]?.address}/22`];
    const reaches = async () => (await hostExec(name, "host-11", reach, { reject: false })).exitCode === 0;
    await partition(name, ["host-11"], ["host-12"]);
    expect(await reaches()).toBe(false);
    await healNetwork(name);
    expect(await reaches()).toBe(true);
    await netem(name, "host-12", { lossPercent: 100 });
    expect(await reaches()).toBe(false);
    await healLink(name, "host-12");
    expect(await reaches()).toBe(true);
  });

  it("fills the disk of only one host", async () => {
    const write = ["sh", "-c", "head -c 1000000 /dev/zero > /srv/more"];
    await fillDisk(name, "host-12");
    expect((await hostExec(name, "host-12", write, { reject: false })).stderr).toMatch(/No space left/);
    await hostExec(name, "host-11", write);
    await freeDisk(name, "host-12");
    await hostExec(name, "host-12", write);
    await expect(fillDisk(name, "host-11")).rejects.toThrow(/can't be filled alone/);
  });

  it("stays up if a second up is interrupted", async () => {
    await stopHost(name, "host-12");
    const spec = await twoHosts(name);
    const { child, line } = bringUp(spec);
    await line(/"hosts running:","done":1/);
    child.kill("SIGINT");
    expect((await once(child, "exit"))[0]).toBe(130);
    expect((await hostExec(name, "host-11", ["cat", "/etc/hostname"])).stdout).toBe("host-11");
    await labUp(spec);
    expect((await hostExec(name, "host-12", ["cat", "/srv/kept"])).stdout).toBe("kept");
  });

  it("runs beside another lab, and is not affected by its removal", async () => {
    const other = await twoHosts("test-other");
    const mine = await twoHosts(name);
    expect(other.index).not.toBe(mine.index);
    await labUp(other);
    const foreign = ["timeout", "1", "bash", "-c", `exec 3<>/dev/tcp/10.203.${mine.index}.11/22`];
    expect((await hostExec("test-other", "host-11", foreign, { reject: false })).exitCode).not.toBe(0);
    expect(await labDown("test-other")).toBe(true);
    expect(traces(other.index)).toEqual([]);
    expect((await hostExec(name, "host-11", ["true"])).exitCode).toBe(0);
  });

  it("leaves nothing on the machine after down", async () => {
    const { index } = await twoHosts(name);
    expect(traces(index).length).toBeGreaterThan(8);
    expect(await labDown(name)).toBe(true);
    expect(traces(index)).toEqual([]);
    expect(await labDown(name)).toBe(false);
  });
});

describe("a lab whose start is interrupted", () => {
  const name = "test-broken";
  afterAll(() => labDown(name));

  it.each([/"hosts running:","done":0/, /"hosts running:","done":1/])(
    "by kill -9 at %s is removed by `down`, and nothing is left",
    async (moment) => {
      const spec = await twoHosts(name);
      const { child, line } = bringUp(spec);
      await line(moment);
      child.kill("SIGKILL");
      await once(child, "exit");
      expect(await labDown(name)).toBe(true);
      expect(traces(spec.index)).toEqual([]);
    },
  );

  it("and whose record is lost is found by its names on the machine, and made from scratch", async () => {
    const spec = await twoHosts(name);
    await labUp(spec);
    rmSync(`/run/warren-lab/${spec.index}.json`);
    const [host] = spec.hosts;
    const other = await twoHosts(name);
    expect(other.index).toBe(spec.index);
    expect((await labUp({ ...other, hosts: [host as LabHost] })).booted).toEqual([host?.name]);
    await labDown(name);
    expect(traces(spec.index)).toEqual([]);
  });

  it("by Ctrl-C removes what it has made", async () => {
    const spec = await twoHosts(name);
    const { child, line } = bringUp(spec);
    await line(/"hosts running:","done":0/);
    child.kill("SIGINT");
    const [code] = await once(child, "exit");
    expect(code).toBe(130);
    expect(traces(spec.index)).toEqual([]);
    expect(await labStatus(name)).toBeUndefined();
  });

  it("by a second Ctrl-C stops at once, and `down` still finds everything", async () => {
    const spec = await twoHosts(name);
    const { child, line } = bringUp(spec);
    await line(/"hosts running:","done":0/);
    const undoing = line(/interrupted/);
    child.kill("SIGINT");
    await undoing;
    child.kill("SIGINT");
    await once(child, "exit");
    await labDown(name);
    expect(traces(spec.index)).toEqual([]);
  });

  it("is made by one of two processes that start it at once; the other waits and uses it", async () => {
    const spec = await twoHosts(name);
    const { child } = bringUp(spec);
    const [mine, [code]] = await Promise.all([labUp(spec), once(child, "exit")]);
    expect(code).toBe(0);
    expect([0, 2]).toContain(mine.booted.length);
    expect((await labStatus(name))?.hosts.map((host) => host.state)).toEqual(["running", "running"]);
  });
});
