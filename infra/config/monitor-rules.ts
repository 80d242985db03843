import type { ConfigIssue } from "../../agents/lib/errors.ts";
import { hostsWith } from "./hosts.ts";
import type { StackConfig } from "./schema.ts";
import { missingSecret } from "./secrets.ts";

/** At most two monitors, which form a pair; a login at the mail server has a password. */
export function monitorIssues({ hosts, monitor, secrets }: StackConfig): ConfigIssue[] {
  const monitors = hostsWith({ hosts }, "monitor");
  const { mailPassword } = secrets.monitor;
  const user = monitor.receivers.mail?.user;
  const path = "secrets.monitor.mailPassword";
  return [
    ...monitors.slice(2).map((host) => ({
      path: `hosts.${host}.roles`,
      message: `expected at most two hosts with the role monitor, which are a pair, got ${monitors.length}`,
    })),
    ...(user !== undefined && mailPassword === undefined ? [{ path, message: missingSecret(path) }] : []),
    ...(user === undefined && mailPassword !== undefined
      ? [{ path, message: "expected a `user` under warren:monitor.receivers.mail, whose password it is" }]
      : []),
  ];
}
