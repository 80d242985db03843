import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { allocateLabIndex, labDown, labStatus } from "../../scripts/lab/index.ts";
import { noteSeconds } from "./figures.ts";
import { killHalfWay } from "./flowing.ts";
import { part } from "./one-lab.ts";
import { sendPublic } from "./public-road.ts";
import { expectHidden, secretPlaces } from "./secret-places.ts";
import { secretsOf } from "./secrets.ts";
import { lab, send, stackConfig, stackTrace, textOf, up, warren } from "./subject.ts";

const upWithinMs = 240_000;

/** @param upAgain also tests that `up` works again on the hosts and checkout that `destroy` left */
export function ending({ upAgain }: { readonly upAgain: boolean }): void {
  part("at the end", () => {
    it("the state and all logs contain no secret after all previous parts", async () => {
      expectHidden(await secretPlaces(), secretsOf(await stackConfig()));
    });

    it("destroy leaves no units, held packages or secrets of warren on hosts", async () => {
      const destroyed = await warren(["destroy", "-s", lab, "--yes"]);
      noteSeconds("destroy", destroyed.seconds);
      expect(destroyed.exitCode, destroyed.output).toBe(0);
      expect(destroyed.output).not.toMatch(stackTrace);
      const left = [
        "systemctl list-units --all --plain --no-legend 'warren-*'",
        "find /etc/warren /opt/warren /etc/ssh/sshd_config.d/warren-* -type f 2>/dev/null",
        "apt-mark showhold",
        "dpkg -l rabbitmq-server keepalived 2>/dev/null | grep ^ii || true",
      ].join("; ");
      const hosts = Object.keys((await stackConfig()).hosts);
      expect(await Promise.all(hosts.map((host) => textOf(host, left)))).toEqual(hosts.map(() => ""));
    });

    if (upAgain) worksAgain();

    it("down removes every trace of the lab from the machine", async () => {
      const index = await allocateLabIndex(lab);
      expect(traces(index).length).toBeGreaterThan(0);
      const began = performance.now();
      await labDown(lab);
      noteSeconds("lab down", (performance.now() - began) / 1000);
      expect(traces(index)).toEqual([]);
      expect(await labStatus(lab)).toBeUndefined();
    });
  });
}

/** A lab's links, namespaces, rules, mounts, processes and cgroups on this machine, found without the lab's own code. */
function traces(index: number): string[] {
  const ask = (program: string, ...argv: string[]) => execFileSync(program, argv).toString().split("\n");
  const processes = readdirSync("/proc").flatMap((pid) => (/^\d+$/.test(pid) ? [argumentsOf(pid)] : []));
  return [
    ...ask("ip", "-brief", "link").filter((line) => new RegExp(`^wl${index}(h\\S*)? `).test(line)),
    ...ask("ip", "netns").filter((line) => line.startsWith(`wl${index}-`)),
    ...ask("nft", "list", "tables").filter((line) => new RegExp(` warren-lab-${index}(-|$)`).test(line)),
    ...readFileSync("/proc/self/mounts", "utf8")
      .split("\n")
      .filter((line) => line.includes(`/${lab}-${index}/`)),
    ...processes.filter((line) => line.includes(`wl${index}-`) || line.includes(`/run/warren-lab/${index}/`)),
    ...ask("find", "/sys/fs/cgroup", "-path", `*/warren-lab/${index}`),
  ].filter(Boolean);
}

function argumentsOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
  } catch {
    // The process has exited.
    return "";
  }
}

function worksAgain(): void {
  it("up works again on the same hosts after being killed half way, and products take both paths at the same time", async () => {
    // At this moment the brokers have certificates of a CA that is not in the state yet.
    const serves = "systemctl is-active rabbitmq-server && ss -Hltn 'sport = :15671'";
    await killHalfWay(["up"], upWithinMs, async () =>
      /^active\nLISTEN/.test(await textOf("bunny1", `${serves} || true`)),
    );
    const again = await up();
    noteSeconds("up after destroy and a killed up", again.seconds);
    expect(again.exitCode, again.output).toBe(0);
    const [radarResult, publicResult] = await Promise.all([send({ count: 40 }), sendPublic(40)]);
    const intact = { lost: 0, repeated: 0, wrongSize: 0, wrongContent: 0 };
    expect(radarResult).toMatchObject({ outcome: "complete", account: { dispatched: 40, ...intact } });
    expect(publicResult).toMatchObject({ outcome: "complete", account: { fetched: { "client-1": 40 }, ...intact } });
  });
}
