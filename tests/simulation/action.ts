import type { Host } from "./host.ts";
import type { Line } from "./line.ts";
import { queueNumber, queuesASide } from "./message.ts";
import type { World } from "./world.ts";

/** Something that can happen in the world. */
export interface Action {
  readonly name: string;
  /** Its relative frequency. */
  readonly weight: number;
  /** Happens only in schedules of that setting, and in all of them. */
  readonly needs?: "partitions" | "serversDie";
  /** Returns false if it applies to nothing now. */
  readonly act: (world: World) => boolean;
}

export const anyHost = (world: World): Host => world.host(world.choices.below(world.hosts.length));

/** Any line, preferably one that `suits` accepts. */
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
