import { afterAll } from "vitest";
import { figuresTable } from "./figures.ts";
import { upgraded } from "./upgrade.ts";

// Two clusters in a lab of their own.
afterAll(() => {
  process.stdout.write(figuresTable());
});

upgraded();
