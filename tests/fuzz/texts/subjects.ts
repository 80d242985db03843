import type { FuzzSubject } from "../subject.ts";
import { agentConfigReader } from "./agent-configs.ts";
import { hostAnswerReader } from "./host-answers.ts";
import { pxReader } from "./px.ts";
import { stackReader } from "./stack.ts";
import { textSubject } from "./text-subject.ts";

/** Hostile input for what reads texts: configs, stack files, answers of hosts. */
export const textSubjects: readonly FuzzSubject[] = [stackReader, agentConfigReader, pxReader, hostAnswerReader].map(
  textSubject,
);
