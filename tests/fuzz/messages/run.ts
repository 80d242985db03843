import { deadLetterQueue } from "../../../agents/lib/topology.ts";
import type { LocalBroker } from "../../../scripts/traffic/local-broker.ts";
import { type RawDelivery, textHeader } from "../amqp/content.ts";
import { replayCommand } from "../report.ts";
import { indicesOf } from "../seeds.ts";
import type { FuzzOptions, FuzzReport } from "../subject.ts";
import type { FuzzMessage } from "./draft.ts";
import { fingerprint, indexOfId, type MessageKind, makeMessage, rawOf } from "./make.ts";
import { MessageRig, type Settling } from "./rig.ts";
import { Tally } from "./tally.ts";

/** So many messages wait for the agent at the most: it is to work, and not the broker's memory. */
const waitingMax = 2000;
const pauseEvery = 2000;
const leftShown = 5;

/** What is the same in every run with messages. */
export interface MessageRun {
  readonly rig: MessageRig;
  readonly options: FuzzOptions;
  /** Bodies of dead letters that say a reason. */
  readonly dead: Tally;
  readonly findings: string[];
}

/** What a run counted. */
export type Counts = Pick<FuzzReport, "valid" | "cameOut" | "refused">;

/** A run on a broker that is there: its rig is gone when this resolves or rejects. */
export async function inRig(
  name: string,
  broker: LocalBroker,
  options: FuzzOptions,
  work: (run: MessageRun) => Promise<Counts>,
): Promise<FuzzReport> {
  const beganMs = performance.now();
  const rig = await MessageRig.open(broker, name, options.signal);
  try {
    const run: MessageRun = { rig, options, dead: new Tally(), findings: [] };
    const counts = await work(run);
    const { seed, count, only } = options;
    const findings = [...run.findings, ...(await rig.faults()).map((fault) => `${fault} (seed ${seed})`)];
    const seconds = (performance.now() - beganMs) / 1000;
    return { subject: name, seed, count: only === undefined ? count : 1, ...counts, seconds, findings };
  } finally {
    await rig.cleanup.run();
  }
}

/** Hears what comes; dead letters are counted here. */
export function hear({ rig, dead, findings }: MessageRun, onOther: (delivery: RawDelivery) => void): void {
  rig.hear((delivery) => {
    if (delivery.queue !== deadLetterQueue) {
      onOther(delivery);
      return;
    }
    dead.add(fingerprint(delivery.body));
    if (!textHeader(delivery, "x-dead-reason"))
      findings.push(`a dead letter has no reason: ${delivery.body.toString("latin1").slice(0, 200)}`);
  });
}

/** Sends the messages of a run and waits until the agent has settled them; false where it never did, which is a finding. */
export async function pour(
  run: MessageRun,
  kind: MessageKind,
  queue: string,
  onSend: (message: FuzzMessage) => void,
  pause: (isLast: boolean) => Promise<unknown> = async () => {},
): Promise<boolean> {
  const { rig, options } = run;
  let done = 0;
  for (const index of indicesOf(options)) {
    const message = makeMessage(kind, options.seed, index);
    onSend(message);
    await rig.send(index, rawOf(kind, message), message.isRisky);
    options.progress(++done);
    if (done % pauseEvery !== 0) continue;
    if (!(await isSettled(run, kind, queue, await rig.settled(queue, waitingMax)))) return false;
    await pause(false);
  }
  if (!(await isSettled(run, kind, queue, await rig.settled(queue)))) return false;
  await pause(true);
  return true;
}

async function isSettled({ rig, options, findings }: MessageRun, kind: MessageKind, queue: string, settling: Settling) {
  if (settling === "settled") return true;
  const left = await rig.leftIn(queue);
  const again = left.filter(({ redelivered }) => redelivered);
  findings.push(
    `${settling.stopped}; ${left.length} messages were left in ${queue}, ${again.length} of them had been given out`,
  );
  for (const { messageId } of again.slice(0, leftShown)) {
    const index = indexOfId(messageId);
    if (index !== undefined)
      findings.push(`was in hand: ${describe(kind.name, options.seed, makeMessage(kind, options.seed, index))}`);
  }
  return false;
}

/** A message in one line, with what replays it. */
export function describe(subject: string, seed: number, { index, what }: Pick<FuzzMessage, "index" | "what">): string {
  return `${what} — ${replayCommand(subject, seed, index)}`;
}
