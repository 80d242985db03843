import { ledgerQueueAt } from "../../agents/lib/dispatch-topics.ts";
import { UserError } from "../../agents/lib/errors.ts";
import { always, and, type Command, render, run } from "../../infra/commands/command.ts";
import { rabbitmqctl } from "../../infra/commands/rabbitmq.ts";
import { standBackProgram } from "../../infra/model/stand-back.ts";
import { netem } from "../../scripts/lab/index.ts";
import type { Scene } from "./scene.ts";

// How faults are injected and healed.

export interface Injected {
  /** Time of the fault, milliseconds since 1970. */
  readonly atMs: number;
  readonly notes?: readonly string[];
}

type Hosts = readonly string[];

export const services = { dispatcher: "warren-dispatcher.service", broker: "rabbitmq-server.service" } as const;
export type Service = keyof typeof services;

const alarmingLimit = ["absolute", "10MB"];
/** The configured limit. Setting another one at run time doesn't change it. */
const settledLimit =
  "vm_memory_monitor:set_vm_memory_high_watermark(element(2, application:get_env(rabbit, vm_memory_high_watermark))).";

const lossPercents = [5, 10, 20, 30] as const;
const delaysMs = [20, 100, 300] as const;

export const each = <T>(hosts: Hosts, work: (host: string) => Promise<T>): Promise<T[]> => Promise.all(hosts.map(work));

/** Runs a command on hosts. The command first prints its start time, so that ssh's time isn't counted. */
async function strike(scene: Scene, hosts: Hosts, command: Command): Promise<Injected> {
  const script = render(and(run("date", "+%s%3N"), command));
  const struck = await each(hosts, async (host) => Number((await scene.on(host, script)).split("\n")[0]));
  return { atMs: Math.min(...struck) };
}

/** From outside the hosts. */
export async function outside(hosts: Hosts, work: (host: string) => Promise<unknown>): Promise<Injected> {
  const atMs = Date.now();
  await each(hosts, work);
  return { atMs };
}

const systemctl = (...words: readonly string[]): Command => run("systemctl", ...words);
const signal = (name: string, service: Service) =>
  systemctl("kill", `--signal=${name}`, "--kill-whom=main", services[service]);

export const sendSignal = (scene: Scene, hosts: Hosts, name: string, service: Service): Promise<Injected> =>
  strike(scene, hosts, signal(name, service));

/** Kills the dispatcher, keeps it down, and takes its ledger's messages away. */
export function loseLedger(scene: Scene, host: string, how: "purge" | "delete"): Promise<Injected> {
  const loss = rabbitmqctl(`${how}_queue`, ledgerQueueAt(host));
  return strike(scene, [host], and(signal("SIGKILL", "dispatcher"), systemctl("stop", services.dispatcher), loss));
}

/** Requests a stop without waiting. */
export const stopBroker = (scene: Scene, hosts: Hosts): Promise<Injected> =>
  strike(scene, hosts, systemctl("--no-block", "stop", services.broker));

/** A unit that is still stopping stops first. */
export async function startStoppedBroker(scene: Scene, hosts: Hosts): Promise<void> {
  await strike(scene, hosts, systemctl("stop", services.broker));
  await startServices(scene, hosts);
}

/** After a fault of processes: starts units that wait for their restart. */
export function startServices(scene: Scene, hosts: Hosts): Promise<unknown> {
  const both = [services.broker, services.dispatcher];
  return strike(scene, hosts, and(systemctl("reset-failed", ...both), systemctl("start", ...both)));
}

/** Continues frozen processes. Does nothing if none runs. */
export const continueServices = (scene: Scene, hosts: Hosts): Promise<unknown> =>
  strike(scene, hosts, always(signal("SIGCONT", "broker"), signal("SIGCONT", "dispatcher"), run("true")));

export const alarmMemory = (scene: Scene, hosts: Hosts): Promise<Injected> =>
  strike(scene, hosts, rabbitmqctl("set_vm_memory_high_watermark", ...alarmingLimit));

/** Restores the configured memory limit. */
export const resetMemoryLimit = (scene: Scene, hosts: Hosts): Promise<unknown> =>
  strike(scene, hosts, rabbitmqctl("eval", settledLimit));

/** Moves the virtual IP as an operator does. */
export const moveAddress = (scene: Scene, hosts: Hosts): Promise<Injected> =>
  strike(scene, hosts, run(standBackProgram, "yes"));

/** Lets the address return after a move by hand. */
export const releaseAddress = (scene: Scene, hosts: Hosts): Promise<unknown> =>
  strike(scene, hosts, run(standBackProgram, "no"));

/** @param draw determines the loss and the delay */
export async function loseOnLine(lab: string, host: string, draw: number): Promise<Injected> {
  const atMs = Date.now();
  const lossPercent = lossPercents[draw % lossPercents.length] ?? 10;
  const delayMs = delaysMs[draw % delaysMs.length] ?? 100;
  try {
    await netem(lab, host, { lossPercent, delayMs });
    return { atMs, notes: [`${lossPercent} % lost, delay ${delayMs} ms`] };
  } catch (error) {
    if (!(error instanceof UserError && error.message.includes("sch_netem"))) throw error;
    await netem(lab, host, { lossPercent });
    return { atMs, notes: [`${lossPercent} % lost; no delay: ${error.message}`] };
  }
}
