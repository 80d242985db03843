import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { createInterface } from "node:readline";
import type * as z from "zod";
import { describeIssue } from "../../../agents/lib/config.ts";
import { UserError } from "../../../agents/lib/errors.ts";
import { releases } from "../../../infra/config/hosts.ts";
import { checkout } from "../../engine/places.ts";
import { Interrupted } from "../../lib/interruption.ts";
import { type Answers, answerIssues, answersSchema, type Kind, virtualIpAnswers } from "./answers.ts";

/** An answer is refused with what is expected instead, and asked for again. */
class Refused extends Error {}

type Draft = Partial<Answers>;

interface Question {
  readonly text: (draft: Draft) => string;
  /** The answers with this one. @throws Refused */
  readonly take: (answer: string, draft: Draft) => Draft;
  readonly skip?: (draft: Draft) => boolean;
}

const { shape } = answersSchema;

/** In the order in which they are asked. An empty answer is the one in brackets. */
export const questionsOf = (keyFile: string): readonly Question[] => [
  {
    text: () => "Domain of the hosts, e.g. weather.example.org [none]",
    take: (answer, draft) => ({ ...draft, domain: accepted(shape.domain, answer || undefined) }),
  },
  {
    text: () => "Debian release of the hosts: 13 has RabbitMQ 4.0, 12 has 3.10 [13]",
    take: (answer, draft) => ({ ...draft, release: releaseOf(answer) }),
  },
  hosts("radarServers", "Radar servers, as NAME=ADDRESS, separated by spaces", true),
  hosts("brokers", "Brokers, as NAME=ADDRESS; with three of them one may fail", true),
  hosts("pullers", "Pulling servers, as NAME=ADDRESS", true),
  hosts("monitors", "Monitors, as NAME=ADDRESS, on hosts of their own [none]", false),
  {
    skip: hasOneBroker,
    text: () => "Virtual IP, at which clients find the brokers: a free address on their network",
    take: (answer, draft) => {
      const address = accepted(virtualIpAnswers.shape.address, answer);
      const name = virtualIpAnswers.shape.name.parse(undefined);
      return { ...draft, virtualIp: { name, address, interface: "", routerId: lastByte(address) } };
    },
  },
  {
    skip: hasOneBroker,
    text: () => "The brokers' network interface for it [eth0]",
    take: (answer, draft) =>
      withVirtualIp(draft, { interface: accepted(virtualIpAnswers.shape.interface, answer || undefined) }),
  },
  {
    skip: hasOneBroker,
    text: ({ virtualIp }) =>
      `Its VRRP router id, unique among the virtual IPs on that network [${virtualIp?.routerId}]`,
    take: (answer, draft) =>
      answer === ""
        ? draft
        : withVirtualIp(draft, { routerId: accepted(virtualIpAnswers.shape.routerId, Number(answer)) }),
  },
  {
    text: () => "Login to the hosts: root, or a user with passwordless sudo [root]",
    take: (answer, draft) => ({ ...draft, user: accepted(shape.user, answer || undefined) }),
  },
  {
    text: () =>
      `Private key for it [${keyFile}, ${existsSync(resolve(checkout, keyFile)) ? "which exists" : "a new one"}]`,
    take: (answer, draft) => {
      if (answer === "") return draft;
      if (!existsSync(resolve(checkout, answer))) throw new Refused(`there is no file ${answer}`);
      return { ...draft, privateKeyFile: answer };
    },
  },
];

function hasOneBroker({ brokers = {} }: Draft): boolean {
  return Object.keys(brokers).length < 2;
}

const withVirtualIp = (draft: Draft, rest: Partial<Answers["virtualIp"]>): Draft =>
  draft.virtualIp ? { ...draft, virtualIp: { ...draft.virtualIp, ...rest } } : draft;

/** Most sites number a router by its address. 0 is no router id. */
const lastByte = (address: string): number => Number(address.split(".").at(-1)) || 1;

function releaseOf(answer: string): Answers["release"] {
  const byNumber: Readonly<Record<string, Answers["release"]>> = { "12": "bookworm", "13": "trixie" };
  const release = byNumber[answer] ?? releases.find((one) => one === answer);
  if (answer !== "" && !release) throw new Refused("expected 13 (trixie) or 12 (bookworm)");
  return shape.release.parse(release);
}

function hosts(kind: Kind, text: string, needed: boolean): Question {
  return {
    text: () => text,
    take: (answer, draft) => {
      const pairs = answer
        .split(/[\s,]+/)
        .filter(Boolean)
        .map(pairOf);
      if (needed && pairs.length === 0) throw new Refused("expected at least one host, e.g. host-1=192.0.2.11");
      const twice = pairs.find(([name], index) => pairs.slice(0, index).some(([other]) => other === name));
      if (twice) throw new Refused(`expected another name, because ${twice[0]} is a host already`);
      return { ...draft, [kind]: accepted(shape[kind], Object.fromEntries(pairs)) };
    },
  };
}

function pairOf(word: string): [string, string] {
  const [name, address, ...more] = word.split("=");
  if (name && address && more.length === 0) return [name, address];
  throw new Refused(`expected NAME=ADDRESS, e.g. host-1=192.0.2.11, got ${word}`);
}

function accepted<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const parsed = schema.safeParse(value, { reportInput: true });
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.flatMap(describeIssue);
  throw new Refused(issues.map(({ path, message }) => (path ? `${path}: ${message}` : message)).join("; "));
}

/** Takes one answer. @returns the answers with it, or what is expected instead */
export function answered(question: Question, answer: string, draft: Draft): Draft | string {
  try {
    const next = question.take(answer.trim(), draft);
    const [issue] = answerIssues(next);
    return issue ? issue.message : next;
  } catch (error) {
    if (error instanceof Refused) return error.message;
    throw error;
  }
}

/**
 * Asks on the terminal, each question until its answer is valid. Lines that are pasted together are answers one after the other.
 *
 * @throws UserError without a terminal, Interrupted for Ctrl-C and Ctrl-D
 */
export async function askQuestions(keyFile: string): Promise<Answers> {
  if (!process.stdin.isTTY)
    throw new UserError(
      "stack new",
      "there is no terminal to ask on",
      "give the answers in a file: --from answers.yaml",
    );
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  terminal.on("SIGINT", () => terminal.close());
  const lines = terminal[Symbol.asyncIterator]();
  const ask = async (text: string): Promise<string> => {
    terminal.setPrompt(text);
    terminal.prompt();
    const { value, done } = await lines.next();
    if (!done) return value;
    process.stderr.write("\n");
    throw new Interrupted("stack new", "stopped before the last answer; nothing was written");
  };
  try {
    let draft: Draft = {};
    for (const question of questionsOf(keyFile)) {
      while (!question.skip?.(draft)) {
        const next = answered(question, await ask(`${question.text(draft)}: `), draft);
        if (typeof next !== "string") {
          draft = next;
          break;
        }
        process.stderr.write(`  ${next}\n`);
      }
    }
    return answersSchema.parse(draft);
  } finally {
    terminal.close();
  }
}
