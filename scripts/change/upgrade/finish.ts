import { relative } from "node:path";
import { z } from "zod";
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
import { changeStackFile, stayingAt, withoutBeside } from "./stack-file.ts";
import { upOr } from "./steps.ts";

/** Of a run whose `up` has not got to its end: the stack file names the cluster no more. */
const finishRecord = z.object({ letGo: z.string() });

/** The cluster beside has no part in the announcements any more: there is no way back by one command. Its broker runs on, and its section in the file stays. */
export async function finishPlan(run: Run): Promise<Plan> {
  const { stack, signal, say } = run;
  // What was begun gets to its end: the engine, too.
  const engine = { ...(await openEngine(run)), signal: new AbortController().signal };
  await ensureStack(stack, engine);
  const config = await readStackConfig(stack);
  const ca = await readOperatorCa(stack);
  const { broker, beside } = config.announcements;
  const file = stackConfigFile(stack);
  const shown = relative(checkout, file);
  const kept = runRecord("upgrade-finish", stack, finishRecord);
  const letGo = async (name: string): Promise<Report> => {
    await upOr(engine, `mend it; ./warren upgrade -s ${stack} --finish goes on`);
    await kept.remove();
    const text = `${name} is let go. When no client needs it: take its hosts and warren:brokers.${name} out of ${shown}, and switch them off\n`;
    return { text };
  };
  if (beside === undefined) {
    const before = await kept.read();
    if (!before) throw new UserError("upgrade", `no cluster stands beside ${broker}`, "nothing is left to be finished");
    return { text: `${before.letGo} is let go, and was broken off: \`up\` is left\n`, work: () => letGo(before.letGo) };
  }
  const own = openSide({ stack, config }, broker, ca, signal);
  const other = openSide({ stack, config }, beside, ca, signal);
  run.onEnd.push(own.close, other.close);
  const held = await queuesHolding(other);
  if (held.length > 0) {
    const remedy = `let them be taken, or delete those queues on ${beside}`;
    throw new UserError(beside, `holds messages: ${held.join(", ")}`, remedy);
  }
  const clients = await clientsOf(other, config);
  const lines = [
    `${beside} is let go:`,
    `  keepalived and dispatchers on ${other.hosts.join(", ")} end`,
    "  what was made for carrying is taken off both clusters, and what its dispatchers knew",
    `  ${shown}: announcements.beside, the virtualIp of ${beside} and its hosts' priorities go; \`up\` takes dispatchers and keepalived off them`,
    `  brokers of ${carrierOf(config)} restart one after the other, without the plugin that carried`,
    `  ${beside} itself, its hosts and what clients have on it stay, until they are taken out of the stack file`,
    ...stayingAt(config, beside).map((text) => `! ${text}`),
    ...(clients.length > 0 ? [`! clients that are there still: ${clients.join(", ")}`] : []),
    "",
  ];
  return {
    text: lines.join("\n"),
    question: `let ${beside} go`,
    work: async () => {
      const reach = await openHosts(stack, config);
      await Promise.all(
        other.hosts.map((host) => onHost(reach, host, "ends keepalived and its dispatcher", end, endSeconds)),
      );
      const runner = carrierOf(config) === broker ? own : other;
      for (const host of [...own.hosts, ...other.hosts])
        await stopShovel(runner, ledgerCarrier(host, config.announcements));
      await clearCarried(own, other.hosts.map(ledgerQueueAt));
      await clearCarried(other, [...own.hosts, ...other.hosts].map(ledgerQueueAt));
      await kept.write({ letGo: beside });
      await changeStackFile(file, (text) => withoutBeside(text, config));
      say(`${shown} says it; up`);
      return letGo(beside);
    },
  };
}

const endSeconds = 60;
/** Before the others are told of no peers here: keepalived would hear nobody any more, and take the address. The units' files go with `up`. */
const end = run("systemctl", "disable", "--now", "--quiet", keepalivedUnit, dispatcherUnit);
