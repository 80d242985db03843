import { relative } from "node:path";
import { UserError } from "../../agents/lib/errors.ts";
import type { StackConfig } from "../../infra/config/index.ts";
import { ledgerQueueOf } from "../../infra/model/agent-queues.ts";
import { carrierOf } from "../../infra/model/dispatchers.ts";
import { confirm } from "../lib/confirm.ts";
import { checkout } from "../toolchain/places.ts";
import { ledgerCarrier } from "./carrier.ts";
import { clientsOf, queuesHolding } from "./drain.ts";
import { clearCarried, openSide, stopShovel } from "./side.ts";
import { changeStackFile, withoutBeside } from "./stack-file.ts";

export interface Finish {
  readonly stack: string;
  readonly config: StackConfig;
  readonly ca: string | undefined;
  readonly file: string;
  readonly yes: boolean | undefined;
  readonly dryRun: boolean | undefined;
  readonly signal: AbortSignal;
  say(text: string): void;
  up(): Promise<void>;
}

/** The cluster beside has no part in the announcements any more: there is no way back by one command. Its broker runs on, and its section in the file stays. */
export async function finish({ stack, config, ca, file, yes, dryRun, signal, say, up }: Finish): Promise<void> {
  const { broker, beside } = config.announcements;
  if (beside === undefined)
    throw new UserError("upgrade", `no cluster stands beside ${broker}`, "nothing is left to be finished");
  const shown = relative(checkout, file);
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
        "  what was made for carrying is taken off both clusters",
        `  ${shown}: announcements.beside, the virtualIp of ${beside} and its hosts' priorities go; \`up\` takes dispatchers and keepalived off them`,
        `  brokers of ${carrierOf(config)} restart one after the other, without the plugin that carried`,
        `  ${beside} itself, its hosts and what clients have on it stay, until they are taken out of the stack file`,
        ...(clients.length > 0 ? [`! clients that are there still: ${clients.join(", ")}`] : []),
        "",
      ].join("\n"),
    );
    if (dryRun) return;
    await confirm({ verb: "upgrade", text: `let ${beside} go`, yes });
    const runner = carrierOf(config) === broker ? own : other;
    for (const host of [...own.hosts, ...other.hosts])
      await stopShovel(runner, ledgerCarrier(host, config.announcements));
    await clearCarried(own, other.hosts.map(ledgerQueueOf));
    await clearCarried(other, own.hosts.map(ledgerQueueOf));
    await changeStackFile(file, (text) => withoutBeside(text, config));
    say(`${shown} says it; up`);
    await up();
    process.stdout.write(
      `${beside} is let go. When no client needs it: take its hosts and warren:brokers.${beside} out of ${shown}, and switch them off\n`,
    );
  } finally {
    own.close();
    other.close();
  }
}
