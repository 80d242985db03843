import type { ConfigIssue } from "../../agents/lib/errors.ts";
import type { StackConfig } from "./schema.ts";
import { missingSecret } from "./secrets.ts";

/** People of the stack's own directory need an LDAP server, and every member of a group must be one of them. */
export function directoryIssues({ hosts, directory, secrets }: StackConfig): ConfigIssue[] {
  const people = Object.keys(secrets.directory);
  const isServed = Object.values(hosts).some(({ roles }) => roles.includes("ldap"));
  const issues: ConfigIssue[] = [];
  if (people.length > 0 && !isServed) {
    issues.push({ path: "secrets.directory", message: "expected a host with the role ldap, but there is none" });
  }
  const wanted = new Set(Object.values(directory.groups).flat());
  for (const person of [...wanted].filter((name) => !people.includes(name))) {
    const path = `secrets.directory.${person}`;
    issues.push({ path, message: missingSecret(path) });
  }
  return issues;
}
