import { spawnSync } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { inGroups, supervisorCommand, untilPoweredOff } from "./host.ts";
import { defaultHosts } from "./spec.ts";

it("the shell that becomes the program enters the control groups, so no process of a host is ever outside", () => {
  expect(inGroups(["/a/cgroup.procs", "/b/cgroup.procs"], ["nspawn", "--x"])).toEqual([
    "/bin/sh",
    "-c",
    'echo $$ > "$1" && echo $$ > "$2" && shift 2 && exec "$@"',
    "sh",
    "/a/cgroup.procs",
    "/b/cgroup.procs",
    "nspawn",
    "--x",
  ]);
});

it("a host can hold a virtual IP and filter its traffic", () => {
  const [host] = defaultHosts(0);
  expect(host && supervisorCommand(0, host, "/root")).toContain("--capability=CAP_NET_ADMIN,CAP_NET_RAW");
});

it("a host is started again only when it reboots itself", () => {
  const run = (script: string) => {
    const [shell, ...argv] = untilPoweredOff(["/bin/sh", "-c", script, "sh"]);
    return spawnSync(shell, argv, { encoding: "utf8" }).stdout;
  };
  expect(run("echo started; exit 1")).toBe("started\n");
  const twice = "n=$(cat $0 2>/dev/null); echo started $n; echo again > $0; [ $n ] || exit 133";
  const file = join(mkdtempSync(join(tmpdir(), "warren-")), "count");
  expect(run(twice.replaceAll("$0", file))).toBe("started\nstarted again\n");
});
