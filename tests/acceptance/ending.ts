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

/** @param upAgain also that the hosts, and the checkout, are left so that `up` makes all of it once more */
export function ending({ upAgain }: { readonly upAgain: boolean }): void {
  part("at the end", () => {
    it("no secret is in the state or in any log, after all that has happened", async () => {
      expectHidden(await secretPlaces(), secretsOf(await stackConfig()));
    });

    it("destroy leaves hosts without units, packages and secrets of warren's", async () => {
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

    if (upAgain) comesAgain();

    it("down leaves nothing of the lab on the machine", async () => {
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

/** What the machine shows of a lab, asked without the lab's own code. */
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
    // It has ended.
    return "";
  }
}

function comesAgain(): void {
  it("up on the same hosts, killed half way, works again, and products go down both paths at the same time", async () => {
    // The brokers have certificates of a CA that the state doesn't know yet.
    const serves = "systemctl is-active rabbitmq-server && ss -Hltn 'sport = :15671'";
    await killHalfWay(["up"], upWithinMs, async () =>
      /^active\nLISTEN/.test(await textOf("bunny1", `${serves} || true`)),
    );
    const again = await up();
    noteSeconds("up after destroy, and after one that was killed", again.seconds);
    expect(again.exitCode, again.output).toBe(0);
    const [radar, toPublic] = await Promise.all([send({ count: 40 }), sendPublic(40)]);
    const whole = { lost: 0, repeated: 0, wrongSize: 0, wrongContent: 0 };
    expect(radar).toMatchObject({ outcome: "complete", account: { dispatched: 40, ...whole } });
    expect(toPublic).toMatchObject({ outcome: "complete", account: { fetched: { "client-1": 40 }, ...whole } });
  });
}
