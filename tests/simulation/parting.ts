import type { Broker } from "./broker.ts";
import type { Held, Line } from "./line.ts";
import { bitOf, type Message, onLosingSide, queueCount, queueNumber, queuesASide } from "./message.ts";

/**
 * A partitioned mirrored pair: both sides have all queues, and continue alone. Each side redelivers messages that consumers on the other
 * side hold. Only this module knows from the start which side will lose.
 */
export function part(broker: Broker, losing: number, nowMs: number): void {
  broker.losing = losing;
  broker.partedAtMs = nowMs;
  for (let queue = 0; queue < queuesASide; queue++) {
    const copies = (broker.queues[queue] ?? []).map((entry) => ({ ...entry }));
    broker.queues[queue + queuesASide] = copies;
    broker.stalled[queue + queuesASide] = false;
    for (const { message } of copies) copied(message, queue);
  }
  for (const line of broker.lines) {
    const { held } = line;
    for (const { entry, queue } of held) copied(entry.message, queue);
    if (line.beside === losing) {
      for (const { entry, queue } of held) broker.putBack(queue, { ...entry });
      move(broker, line);
    } else for (const { entry, queue } of held) broker.putBack(queue + queuesASide, { ...entry });
  }
  for (let queue = 0; queue < queueCount; queue++) broker.feed(queue);
}

/** The partition ends (autoheal): the losing side restarts with the other's messages. `onLost` gets the messages that only it had. */
export function join(broker: Broker, nowMs: number, onLost: (queue: number, message: Message) => void): void {
  const lost = broker.lines.filter((line) => line.isOnLosingSide);
  broker.lines = broker.lines.filter((line) => !line.isOnLosingSide);
  for (const line of lost) {
    line.brokerSees = false;
    line.consumer = 0;
    for (const message of line.publishing) {
      message.died |= line.pending(message);
      message.doneAtMs = nowMs;
    }
    line.publishing.length = 0;
    line.up.length = 0;
    for (const { entry, queue } of line.held) onLost(queue - queuesASide, entry.message);
    line.held = [];
  }
  for (let queue = queuesASide; queue < queueCount; queue++) {
    for (const { message } of broker.queues[queue] ?? []) onLost(queue - queuesASide, message);
    broker.queues[queue] = [];
    broker.consumers[queue] = [];
  }
  broker.losing = undefined;
}

function copied(message: Message, queue: number): void {
  message.landed |= bitOf(queue + queuesASide);
  if (queue === queueNumber.input) message.copies++;
}

/** The line keeps its messages on its own side. */
function move(broker: Broker, line: Line): void {
  const consumers = broker.consumers[line.queue] ?? [];
  const index = consumers.indexOf(line);
  if (index >= 0) consumers.splice(index, 1);
  line.queue += queuesASide;
  line.held = line.held.map((held): Held => ({ ...held, entry: { ...held.entry }, queue: held.queue + queuesASide }));
  if (index >= 0) broker.consumers[line.queue]?.push(line);
  for (const message of line.publishing) {
    // Publishes in flight reach no queue on the other side.
    message.landed |= onLosingSide(message.landed);
    message.died |= onLosingSide(message.died);
    message.losingSinceMs = broker.partedAtMs;
  }
}
