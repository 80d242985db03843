import { expect, it } from "vitest";
import { sshConfig } from "./keys.ts";
import { defaultHosts } from "./spec.ts";

it("the ssh configuration knows each host by name and checks its key", () => {
  const text = sshConfig({ name: "lab", index: 0, hosts: defaultHosts(0) });
  expect(text).toContain("Host pds-5\n  HostName 10.203.0.35\n");
  expect(text).toContain("StrictHostKeyChecking yes");
});
