import { expect, test } from "vitest";
import { SerialHandler } from "./serial-handler.ts";

test("what is told while an event is handled is handled after it, in the order of telling", () => {
  const handled: string[] = [];
  const turn: SerialHandler<string> = new SerialHandler(
    (event) => {
      handled.push(`${event} begins`);
      if (event === "a") for (const next of ["b", "c"]) turn.tell(next);
      handled.push(`${event} ends`);
    },
    () => {},
  );
  turn.tell("a");
  turn.tell("d");
  expect(handled).toEqual(["a", "b", "c", "d"].flatMap((event) => [`${event} begins`, `${event} ends`]));
});

test("an event whose handling throws is the last: the failure is told once, to whoever told the event nothing is thrown", () => {
  const handled: number[] = [];
  const failures: string[] = [];
  const turn: SerialHandler<number> = new SerialHandler(
    (event) => {
      if (event === 2) throw new Error("no way");
      handled.push(event);
      if (event === 1) for (const next of [2, 3]) turn.tell(next);
    },
    (error) => failures.push(error.message),
  );
  turn.tell(1);
  turn.tell(4);
  expect(handled).toEqual([1]);
  expect(failures).toEqual(["no way"]);
  expect(turn.hasFailed).toBe(true);
});
