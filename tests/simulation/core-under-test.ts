import type { Effect, Event } from "../../agents/dispatcher/events.ts";
import type { JournalModel } from "./journal-model.ts";

/** What the simulation needs of the core: the real one, or one with a seeded bug. */
export interface CoreUnderTest {
  handle(event: Event, nowMs: number): Effect[];
  readonly state: string;
  readonly entries: number;
  readonly inFlight: number;
  readonly unconfirmed: number;
  readonly ledgerPaused: boolean;
}

/** A core, with what the journal says in its table. */
export type MakeCore = (instance: string, journal: JournalModel, nowMs: number) => CoreUnderTest;
