import { expect, it } from "vitest";
import { inGroups, supervisorCommand } from "./host.ts";
import { defaultHosts } from "./spec.ts";

it("control groups are entered by the shell that becomes the program, so no process of a host is ever outside", () => {
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

it("a host may hold a virtual IP and filter its traffic", () => {
  const [host] = defaultHosts(0);
  expect(host && supervisorCommand(0, host, "/root")).toContain("--capability=CAP_NET_ADMIN,CAP_NET_RAW");
});
