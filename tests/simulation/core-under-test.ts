import type { Effect, Event } from "../../agents/dispatcher/events.ts";
import type { JournalModel } from "./journal-model.ts";

/** The part of the core that the simulation uses: the real core, or one with a seeded bug. */
export interface CoreUnderTest {
  handle(event: Event, nowMs: number): Effect[];
  readonly state: string;
  readonly entries: number;
  readonly inFlight: number;
  readonly unconfirmed: number;
  readonly ledgerPaused: boolean;
}

/** A core, with its table loaded from the journal. */
export type MakeCore = (instance: string, journal: JournalModel, nowMs: number) => CoreUnderTest;
