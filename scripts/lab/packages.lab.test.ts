import { afterAll, beforeAll, expect, it } from "vitest";
import { render } from "../../infra/commands/command.ts";
import { installPackages } from "../../infra/commands/packages.ts";
import { allocateLabIndex, type HostResult, hostExec, labDown, labUp } from "./index.ts";

const name = "test-packages";
const host = "host-11";

beforeAll(async () => {
  await labDown(name);
  const index = await allocateLabIndex(name);
  await labUp({ name, index, hosts: [{ name: host, address: `10.203.${index}.11`, release: "bookworm" }] });
});
afterAll(() => labDown(name));

const shell = (script: string): Promise<HostResult> =>
  hostExec(name, host, ["sh", "-c", script], { reject: false, timeoutMs: 200_000 });

// After the first of several packages, while dpkg still has others to unpack; and while it unpacks one.
it.each([
  ["unpacked", "tail -n 1 /var/log/dpkg.log | grep -q ' status unpacked '"],
  ["half-installed", "tail -n 1 /var/log/dpkg.log | grep -q ' status half-installed '"],
])("packages left %s by a killed dpkg are completed, which apt alone refuses", async (_, begun) => {
  await shell("DEBIAN_FRONTEND=noninteractive apt-get -q -y purge --auto-remove slapd ldap-utils");
  const install = render(installPackages(["slapd", "ldap-utils"], []));
  const kill = "kill -9 $!; pkill -9 -x apt-get; pkill -9 -x dpkg; wait";
  await shell(`: > /var/log/dpkg.log; { ${install}; } & until ${begun}; do :; done; ${kill}`);
  const { exitCode, stderr } = await shell("apt-get -q -y install ldap-utils");
  expect({ exitCode, stderr }).toEqual({ exitCode: 100, stderr: expect.stringContaining("dpkg was interrupted") });
  const again = await shell(install);
  expect(again.exitCode, again.stderr).toBe(0);
  expect((await shell("dpkg --audit; systemctl is-active slapd")).stdout).toBe("active");
});
