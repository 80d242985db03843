import type { Host } from "./host.ts";
import type { Line } from "./line.ts";
import { queueNumber, queuesASide } from "./message.ts";
import type { World } from "./world.ts";

/** Something that may happen in the world. */
export interface Action {
  readonly name: string;
  /** How often it is chosen, against the others. */
  readonly weight: number;
  /** Happens in schedules of that setting alone, and in all of those. */
  readonly needs?: "parts" | "serversDie";
  /** False: there was nothing to do it to. */
  readonly act: (world: World) => boolean;
}

export const anyHost = (world: World): Host => world.host(world.choices.below(world.hosts.length));

/** Any line; of those that `suits` describes, where there are such. */
export function anyLine(world: World, suits?: (line: Line) => boolean): Line | undefined {
  const lines = world.lines();
  const first = world.choices.below(lines.length);
  for (let step = 0; suits && step < lines.length; step++) {
    const line = lines[(first + step) % lines.length];
    if (line && suits(line)) return line;
  }
  return suits ? undefined : lines[first];
}

export function strike(world: World, fault: string, line: Line): void {
  world.note?.(`${fault}: ${line.name}`);
  const host = world.hosts.find((each) => each.input === line || each.ledger === line);
  if (host) world.points.hit(`${fault} ${line.queue % queuesASide === queueNumber.input ? "input" : "ledger"}`, host);
}
