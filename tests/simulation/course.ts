import type { Action } from "./action.ts";
import type { Choices } from "./choices.ts";
import { faults } from "./faults.ts";
import { work } from "./work.ts";
import type { Setting, World } from "./world.ts";

/** Each action, repeated by its weight, so that one draw chooses. */
function tableOf(actions: readonly Action[]): readonly Action[] {
  return actions.flatMap((action) => new Array<Action>(action.weight).fill(action));
}

const workTable = tableOf(work);

/** Chances in percent that a step is a fault. Low ones let work progress; high ones hit states that are rare and short. */
const faultPercents = [0, 3, 6, 6, 10, 20] as const;
/** Chance in percent that a schedule has a kind of fault. If all schedules had all kinds, some would never happen alone. */
const kindPercent = 40;
/** Limit of draws for a step: actions that apply to nothing are skipped. */
const tries = 4;

/** The actions of one schedule. */
export interface Course {
  readonly faultPercent: number;
  readonly faults: readonly Action[];
}

export function chooseCourse(choices: Choices, setting: Setting): Course {
  const faultPercent = faultPercents[choices.below(faultPercents.length)] ?? 0;
  const kinds = faults.filter(({ needs }) => choices.chance(kindPercent) && !needs);
  // The purpose of such a schedule.
  for (const fault of faults) if (fault.needs && setting[fault.needs]) kinds.push(fault);
  return { faultPercent: kinds.length > 0 ? faultPercent : 0, faults: tableOf(kinds) };
}

/** Runs an action, drawn from the world's choices. Returns its name; undefined if no drawn action applied. */
export function takeStep(world: World, course: Course): string | undefined {
  const { choices } = world;
  const table = choices.chance(course.faultPercent) ? course.faults : workTable;
  for (let attempt = 0; attempt < tries; attempt++) {
    const action = table[choices.below(table.length)];
    if (action?.act(world)) return action.name;
  }
  return undefined;
}
