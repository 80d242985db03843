import { calmDown } from "./calm.ts";
import { Choices } from "./choices.ts";
import type { Counts } from "./counts.ts";
import { type Course, chooseCourse, takeStep } from "./course.ts";
import type { FaultPoints } from "./fault-points.ts";
import { coreMaker, type Subject } from "./make-core.ts";
import { announcedMax } from "./work.ts";
import { type Ground, type Setting, times, World } from "./world.ts";

/** What a schedule is run with. Nothing of it changes what the seed means. */
export interface Bench {
  readonly subject: Subject;
  readonly ground: Ground;
  readonly counts: Counts;
  readonly points: FaultPoints;
}

export interface Schedule {
  readonly seed: number;
  /** Which steps are taken; all of the seed's when left out. */
  readonly steps?: readonly number[] | undefined;
}

/** Steps are counted from 0: numbers below are for what is chosen once. */
const settingStep = -2;
const calmStep = -1;
const stepsMin = 20;
const stepsMax = 160;
/** Schedules in which brokers part, of those in which a publish may get to some queues alone; those in which a server dies. */
const partsPercent = 50;
const serversDiePercent = 40;

/** What a seed stands for, before its first step. */
function readSeed(choices: Choices): { setting: Setting; length: number; course: Course } {
  choices.at(settingStep);
  const length = stepsMin + choices.below(stepsMax - stepsMin);
  const mode = choices.chance(50) ? "atomic" : "partial";
  // Without receipts the ledger is believed: right only where all queues get a publish or none does.
  const receipts = mode === "partial" || choices.chance(75);
  const entriesMax = choices.chance(20) ? 3 + choices.below(4) : 1000;
  // What is announced again is doubted by receipts alone.
  const parts = mode === "partial" && choices.chance(partsPercent);
  // A full table takes no requests before the window is over, and then their products are forgotten.
  const serversDie = entriesMax > announcedMax && choices.chance(serversDiePercent);
  const setting = { mode, receipts, entriesMax, productCount: 2 + choices.below(6), parts, serversDie } as const;
  return { setting, length, course: chooseCourse(choices, setting) };
}

/** Runs one schedule to its end. Throws what the judge says against it, or whatever the core threw. */
export function runSchedule(schedule: Schedule, bench: Bench, trace?: (line: string) => void): void {
  const choices = new Choices(schedule.seed);
  const { setting, length, course } = readSeed(choices);
  const { subject, ...rest } = bench;
  const world = new World({ ...rest, setting, choices, trace, makeCore: coreMaker(subject) });
  trace?.(`seed ${schedule.seed}: ${JSON.stringify(setting)}, ${length} steps`);
  prepare(world);
  const { steps } = schedule;
  for (let index = 0; index < (steps?.length ?? length); index++) {
    const step = steps?.[index] ?? index;
    choices.at(step);
    const what = takeStep(world, course);
    trace?.(`-- step ${step}: ${what ?? "nothing to do"}`);
  }
  choices.at(calmStep);
  calmDown(world, choices.below(world.hosts.length));
  bench.counts.schedules++;
}

/** How many steps a seed has. */
export function lengthOf(seed: number): number {
  return readSeed(new Choices(seed)).length;
}

function prepare(world: World): void {
  const { choices, hosts } = world;
  const holder = choices.below(hosts.length);
  for (const host of hosts) {
    host.skewMs = choices.below(times.skewMaxMs);
    host.believes = host.number === holder && choices.chance(90);
    host.start();
    if (choices.chance(80)) host.connect();
  }
}
