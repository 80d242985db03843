import type { ConfigIssue } from "../../agents/lib/errors.ts";
import type { StackConfig } from "./schema.ts";

/** People of the stack's own directory: there is a server that holds them, and groups name no others. */
export function directoryIssues({ hosts, directory, secrets }: StackConfig): ConfigIssue[] {
  const people = Object.keys(secrets.directory);
  const isServed = Object.values(hosts).some(({ roles }) => roles.includes("ldap"));
  const issues: ConfigIssue[] = [];
  if (people.length > 0 && !isServed) {
    issues.push({ path: "secrets.directory", message: "a host with the role ldap is expected, there is none" });
  }
  for (const [name, members] of Object.entries(directory.groups)) {
    members.forEach((member, index) => {
      if (people.includes(member)) return;
      const message = `somebody under warren:secrets.directory is expected, got ${JSON.stringify(member)}`;
      issues.push({ path: `directory.groups.${name}.${index}`, message });
    });
  }
  return issues;
}
