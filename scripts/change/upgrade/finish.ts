import { relative } from "node:path";
import { z } from "zod";
import { ledgerQueueAt } from "../../../agents/lib/dispatch-topics.ts";
import { UserError } from "../../../agents/lib/errors.ts";
import { run } from "../../../infra/commands/command.ts";
import type { StackConfig } from "../../../infra/config/index.ts";
import { carrierOf } from "../../../infra/model/dispatchers.ts";
import { dispatcherUnit, keepalivedUnit } from "../../../infra/model/names.ts";
import { openHosts } from "../../engine/hosts.ts";
import { checkout } from "../../engine/places.ts";
import type { RunRecord } from "../../engine/run-record.ts";
import { confirm } from "../../lib/confirm.ts";
import { ledgerCarrier } from "./carrier.ts";
import { clientsOf, queuesHolding } from "./drain.ts";
import { onHost } from "./hosts.ts";
import { clearCarried, openSide, stopShovel } from "./side.ts";
import { changeStackFile, stayingAt, withoutBeside } from "./stack-file.ts";

export interface Finish {
  readonly stack: string;
  readonly config: StackConfig;
  readonly ca: string | undefined;
  readonly file: string;
  readonly yes: boolean | undefined;
  readonly dryRun: boolean | undefined;
  readonly signal: AbortSignal;
  /** Of a run whose `up` has not got to its end: the stack file names the cluster no more. */
  readonly kept: RunRecord<FinishRecord>;
  say(text: string): void;
  up(): Promise<void>;
}

export const finishRecord = z.object({ letGo: z.string() });
export type FinishRecord = z.infer<typeof finishRecord>;

/** The cluster beside has no part in the announcements any more: there is no way back by one command. Its broker runs on, and its section in the file stays. */
export async function finish(finishing: Finish): Promise<void> {
  const { stack, config, ca, file, yes, dryRun, signal, say } = finishing;
  const { broker, beside } = config.announcements;
  const shown = relative(checkout, file);
  if (beside === undefined) {
    const before = await finishing.kept.read();
    if (!before) throw new UserError("upgrade", `no cluster stands beside ${broker}`, "nothing is left to be finished");
    process.stderr.write(`${before.letGo} is let go, and was broken off: \`up\` is left\n`);
    return dryRun ? undefined : letGo(finishing, before.letGo, shown);
  }
  const own = openSide({ stack, config }, broker, ca, signal);
  const other = openSide({ stack, config }, beside, ca, signal);
  try {
    const held = await queuesHolding(other);
    if (held.length > 0) {
      const remedy = `let them be taken, or delete those queues on ${beside}`;
      throw new UserError(beside, `holds messages: ${held.join(", ")}`, remedy);
    }
    const clients = await clientsOf(other, config);
    process.stderr.write(
      [
        `${beside} is let go:`,
        `  keepalived and dispatchers on ${other.hosts.join(", ")} end`,
        "  what was made for carrying is taken off both clusters, and what its dispatchers knew",
        `  ${shown}: announcements.beside, the virtualIp of ${beside} and its hosts' priorities go; \`up\` takes dispatchers and keepalived off them`,
        `  brokers of ${carrierOf(config)} restart one after the other, without the plugin that carried`,
        `  ${beside} itself, its hosts and what clients have on it stay, until they are taken out of the stack file`,
        ...stayingAt(config, beside).map((text) => `! ${text}`),
        ...(clients.length > 0 ? [`! clients that are there still: ${clients.join(", ")}`] : []),
        "",
      ].join("\n"),
    );
    if (dryRun) return;
    await confirm({ verb: "upgrade", text: `let ${beside} go`, yes });
    const reach = await openHosts(stack, config);
    await Promise.all(
      other.hosts.map((host) => onHost(reach, host, "ends keepalived and its dispatcher", end, endSeconds)),
    );
    const runner = carrierOf(config) === broker ? own : other;
    for (const host of [...own.hosts, ...other.hosts])
      await stopShovel(runner, ledgerCarrier(host, config.announcements));
    await clearCarried(own, other.hosts.map(ledgerQueueAt));
    await clearCarried(other, [...own.hosts, ...other.hosts].map(ledgerQueueAt));
    await finishing.kept.write({ letGo: beside });
    await changeStackFile(file, (text) => withoutBeside(text, config));
    say(`${shown} says it; up`);
  } finally {
    own.close();
    other.close();
  }
  await letGo(finishing, beside, shown);
}

const endSeconds = 60;
/** Before the others are told of no peers here: keepalived would hear nobody any more, and take the address. The units' files go with `up`. */
const end = run("systemctl", "disable", "--now", "--quiet", keepalivedUnit, dispatcherUnit);

async function letGo({ kept, up }: Finish, beside: string, shown: string): Promise<void> {
  await up();
  await kept.remove();
  process.stdout.write(
    `${beside} is let go. When no client needs it: take its hosts and warren:brokers.${beside} out of ${shown}, and switch them off\n`,
  );
}
