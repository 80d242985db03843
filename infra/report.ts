import * as pulumi from "@pulumi/pulumi";
import type { Contact } from "./observe/contact.ts";
import type { Drift } from "./observe/find-drift.ts";
import type { Observations } from "./observe/index.ts";
import type { PlannedStep } from "./resources/plan.ts";

/** Limit of things listed in a line, because a broker that was set up by hand may have thousands of queues. */
const listedMax = 20;

/** Logs one warning per difference, with host or cluster, thing and difference, and one line per place for unmanaged things. */
export async function reportDrift(
  observations: Observations,
  drift: Drift,
  planned: readonly PlannedStep[],
): Promise<void> {
  for (const [host, observed] of observations) {
    if ("unreachable" in observed && !observed.refused)
      await pulumi.log.warn(`${host} can't be observed: ${observed.unreachable}`);
  }
  for (const one of planned) {
    if (one.drift.length > 0)
      await pulumi.log.warn(`${one.host} has drifted: ${one.step.name}: ${one.drift.join("; ")}`);
  }
  for (const warning of drift.warnings) await pulumi.log.warn(warning);
  for (const [where, things] of drift.unmanaged) {
    const more = things.length > listedMax ? `, and ${things.length - listedMax} more` : "";
    await pulumi.log.info(`${where}: not managed, left as it is: ${things.slice(0, listedMax).join(", ")}${more}`);
  }
}

/** Logs new and refused host keys. */
export async function reportHostKeys({ warnings, errors }: Contact["notes"]): Promise<void> {
  for (const warning of warnings) await pulumi.log.warn(warning);
  for (const error of errors) await pulumi.log.error(error);
  // The run continues with the other hosts. With this exit code, the SDK fails the run at its end without another message.
  if (errors.length > 0) process.exitCode = 32;
}
