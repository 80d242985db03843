import type { FuzzSubject } from "../subject.ts";
import { bridgeRunners } from "./bridge.ts";
import { receiverRunner } from "./receiver.ts";
import { type MessageRunner, withOwnBroker } from "./run.ts";

/** Each with a broker that is given to it. */
export const messageRunners: readonly MessageRunner[] = [receiverRunner, ...bridgeRunners];

/** Hostile input for agents that read messages. */
export const messageSubjects: readonly FuzzSubject[] = messageRunners.map(withOwnBroker);
