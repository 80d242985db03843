import { relative } from "node:path";
import * as z from "zod";
import { ledgerQueueAt } from "../../../agents/lib/dispatch-topics.ts";
import { UserError } from "../../../agents/lib/errors.ts";
import { run } from "../../../infra/commands/command.ts";
import { carrierOf } from "../../../infra/model/dispatchers.ts";
import { dispatcherUnit, keepalivedUnit } from "../../../infra/model/names.ts";
import { ensureStack } from "../../engine/engine.ts";
import { openHosts } from "../../engine/hosts.ts";
import { readOperatorCa } from "../../engine/operator-ca.ts";
import { checkout } from "../../engine/places.ts";
import { runRecord } from "../../engine/run-record.ts";
import { readStackConfig, stackConfigFile } from "../../engine/stack-config.ts";
import { openEngine, type Plan, type Report, type Run } from "../runbook.ts";
import { ledgerCarrier } from "./carrier.ts";
import { clientsOf, queuesHolding } from "./drain.ts";
import { onHost } from "./hosts.ts";
import { clearCarried, openSide, stopShovel } from "./side.ts";
import { changeStackFile, namesAt, withoutBeside } from "./stack-file.ts";
import { upOr } from "./steps.ts";

/** Kept while `up` runs: the stack file no longer names the cluster then. */
const finishRecord = z.object({ letGo: z.string() });

/** Releases the cluster named in `announcements.beside`; `--return` is no longer possible. Its broker keeps running, and its section in the stack file stays. */
export async function finishPlan(run: Run): Promise<Plan> {
  const { stack, signal, say } = run;
  // A step that has begun is finished, including the engine's run.
  const engine = { ...(await openEngine(run)), signal: new AbortController().signal };
  await ensureStack(stack, engine);
  const config = await readStackConfig(stack);
  const ca = await readOperatorCa(stack);
  const { broker, beside } = config.announcements;
  const file = stackConfigFile(stack);
  const shown = relative(checkout, file);
  const kept = runRecord("upgrade-finish", stack, finishRecord);
  const letGo = async (name: string): Promise<Report> => {
    await upOr(engine, `fix it, then run ./warren upgrade -s ${stack} --finish again to continue`);
    await kept.remove();
    const text = `${name} is released. When no client needs it any more, remove its hosts and warren:brokers.${name} from ${shown} and switch the hosts off\n`;
    return { text };
  };
  if (beside === undefined) {
    const before = await kept.read();
    if (!before)
      throw new UserError("upgrade", `there is no second cluster beside ${broker}`, "there is nothing to finish");
    return {
      text: `the release of ${before.letGo} was interrupted; \`up\` is left to do\n`,
      work: () => letGo(before.letGo),
    };
  }
  const own = openSide({ stack, config }, broker, ca, signal);
  const other = openSide({ stack, config }, beside, ca, signal);
  run.onEnd.push(own.close, other.close);
  const held = await queuesHolding(other);
  if (held.length > 0) {
    const remedy = `let the messages be consumed, or delete these queues on ${beside}`;
    throw new UserError(beside, `holds messages: ${held.join(", ")}`, remedy);
  }
  const clients = await clientsOf(other, config);
  const staying = namesAt(config, beside);
  const lines = [
    `${beside} is released:`,
    `  keepalived and dispatchers on ${other.hosts.join(", ")} are stopped`,
    "  the exchanges, queues and shovels of the move, and the other cluster's ledgers, are deleted on both clusters",
    `  ${shown}: announcements.beside, the virtualIp of ${beside} and its hosts' priorities are removed; \`up\` removes dispatchers and keepalived from the hosts`,
    `  brokers of ${carrierOf(config)} restart one after the other, without the shovel plugin`,
    `  ${beside} itself, its hosts and the clients' objects on it stay until you remove them from the stack file`,
    ...(staying.length > 0 ? [`! staying on ${beside}: ${staying.join(", ")}; give each another \`broker\``] : []),
    ...(clients.length > 0 ? [`! clients still connected: ${clients.join(", ")}`] : []),
    "",
  ];
  return {
    text: lines.join("\n"),
    touches: other.hosts,
    question: `release ${beside}`,
    work: async () => {
      const reach = await openHosts(stack, config);
      await Promise.all(
        other.hosts.map((host) => onHost(reach, host, "stops keepalived and its dispatcher", end, endSeconds)),
      );
      const runner = carrierOf(config) === broker ? own : other;
      for (const host of [...own.hosts, ...other.hosts])
        await stopShovel(runner, ledgerCarrier(host, config.announcements));
      await clearCarried(own, other.hosts.map(ledgerQueueAt));
      await clearCarried(other, [...own.hosts, ...other.hosts].map(ledgerQueueAt));
      await kept.write({ letGo: beside });
      await changeStackFile(file, (text) => withoutBeside(text, config));
      say(`${shown} is updated; running up`);
      return letGo(beside);
    },
  };
}

const endSeconds = 60;
/**
 * Runs before the other hosts remove these from their VRRP peers: otherwise keepalived here would hear no adverts and take the address. `up` removes the
 * units' files.
 */
const end = run("systemctl", "disable", "--now", "--quiet", keepalivedUnit, dispatcherUnit);
