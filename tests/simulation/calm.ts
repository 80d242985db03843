import { Violation } from "./judge.ts";
import { times, type World } from "./world.ts";

/** Longest stride of the clock. Strides grow while nothing else happens. */
const strideMaxMs = 4000;

/**
 * Longest time to rest after the last fault. A full table accepts as many products in each window as it has room for, then must forget
 * them. In the worst case each announcement is of a product that was forgotten.
 */
function restWithinMs({ announcements, setting }: World): number {
  return (2 + Math.ceil(announcements / setting.entriesMax)) * times.windowMs;
}

/** Heals all faults, gives the address to one host, and lets all parts work until nothing is left to do. */
export function calmDown(world: World, holder: number): void {
  heal(world, holder);
  const startedMs = world.nowMs;
  let strideMs = 50;
  while (!world.isDrained) {
    strideMs = workAll(world) ? 50 : Math.min(strideMs * 2, strideMaxMs);
    world.advance(strideMs);
    for (const host of world.hosts) {
      host.lookAtOutput();
      host.tick();
    }
    const restMs = world.nowMs - startedMs;
    if (restMs > restWithinMs(world)) throw new Violation(`not at rest after ${restMs} ms: ${left(world)}`);
  }
  world.judge.atRest();
}

function heal(world: World, holder: number): void {
  const { broker } = world;
  world.join();
  world.note?.(`everything heals, ${world.host(holder).name} holds the address`);
  broker.nodeUp.fill(true);
  broker.stalled.fill(false);
  broker.unbound = false;
  broker.refusals = 0;
  if (broker.blocked) {
    broker.blocked = false;
    for (const host of world.hosts) if (host.connection.isOpen) host.tell({ type: "unblocked" });
  }
  for (const line of broker.lines) line.cut = "";
  for (const host of world.hosts) {
    host.crashIn = 0;
    if (host.stopping) host.die(host.journal.records.length);
    if (!host.core) host.start();
    if (host.input && (!host.input.brokerSees || !host.ledger?.brokerSees)) host.noticeLoss(true);
    host.connect();
  }
  for (const host of world.hosts) host.believe(host.number === holder);
  world.followAddress(holder);
  for (const line of [...broker.lines]) if (!line.clientSees) broker.end(line, line.up.length);
  for (let queue = 0; queue < broker.queueCount; queue++) broker.feed(queue);
}

/** Lets each part of the world do all that it can now. Returns whether anything happened. */
function workAll(world: World): boolean {
  const { broker } = world;
  let moved = false;
  for (const line of [...broker.lines]) {
    if (broker.read(line, line.up.length) > 0) moved = true;
    for (let queue = 0; queue < broker.queueCount; queue++) while (broker.landNext(line, queue)) moved = true;
    if (!line.clientSees) broker.end(line, 0);
  }
  for (const host of world.hosts) {
    host.connect();
    for (const line of [host.ledger, host.input]) while (line && host.readFrame(line)) moved = true;
    host.sync();
  }
  for (const puller of world.pullers) while (puller.work(false)) moved = true;
  for (const announcer of world.announcers) while (announcer.announceAgain()) moved = true;
  return moved;
}

/** Why the world isn't at rest, for the error message. */
function left(world: World): string {
  const queues = world.broker.queues.map((entries) => entries.length).join("/");
  const hosts = world.hosts.map((host) => `${host.name} ${host.core?.state} with ${host.core?.inFlight} in flight`);
  const held = world.broker.lines.map((line) => `${line.name} holds ${line.held.length}`);
  return `queues ${queues}, ${hosts.join(", ")}, ${held.join(", ")}`;
}
