import { readdirSync, readFileSync } from "node:fs";
import type { StackConfig } from "../../infra/config/index.ts";

/** Every secret of a stack by its path in the config. */
export function secretsOf(config: StackConfig): Map<string, string> {
  const { erlangCookie, passwords, directory, deliveryKey = "", deliveryPassword } = config.secrets;
  return new Map([
    ["erlangCookie", erlangCookie],
    ...keyLines(deliveryKey).map((line, index) => [`deliveryKey, line ${index + 2}`, line] as const),
    ...(deliveryPassword === undefined ? [] : [["deliveryPassword", deliveryPassword] as const]),
    ...Object.entries(passwords).map(([user, password]) => [`passwords.${user}`, password] as const),
    ...Object.entries(directory).map(([person, password]) => [`directory.${person}`, password] as const),
  ]);
}

/**
 * The lines of a private key that are its own, each for itself: what quotes it writes the ends of lines otherwise. The first line says the kind
 * of key and no more, the last one may be a few letters.
 */
const keyLines = (key: string): string[] =>
  key
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("-----"))
    .slice(1, -1);

/** Names of the secrets that a text shows, in the clear or anywhere inside something that is written in base64. */
export function shownSecrets(text: string, secrets: ReadonlyMap<string, string>): string[] {
  return [...secrets].flatMap(([name, secret]) => (formsOf(secret).some((form) => text.includes(form)) ? [name] : []));
}

/** The secret itself, and what stays the same of its base64 whatever stands before and after it. */
export function formsOf(secret: string): string[] {
  const inBase64 = [0, 1, 2].map((before) => {
    const bytes = Buffer.concat([Buffer.alloc(before), Buffer.from(secret)]);
    const first = Math.ceil((before * 8) / 6);
    const last = Math.floor((bytes.length * 8) / 6);
    return bytes.toString("base64").slice(first, last);
  });
  return [secret, ...inBase64];
}

const sampleEveryMs = 50;

/**
 * Reads the arguments of every process of the machine, including those of all hosts, until it is stopped. Not proved: a
 * process that lives for less than the time between two samples may be missed.
 */
export function watchArguments(secrets: ReadonlyMap<string, string>): { stop(): { samples: number; shown: string[] } } {
  const shown = new Set<string>();
  let samples = 0;
  const look = () => {
    samples += 1;
    for (const pid of readdirSync("/proc")) {
      if (!/^\d+$/.test(pid)) continue;
      const line = argumentsOf(pid);
      for (const name of shownSecrets(line, secrets)) shown.add(`${name} in the arguments of ${line.split("\0")[0]}`);
    }
  };
  const timer = setInterval(look, sampleEveryMs);
  return {
    stop() {
      clearInterval(timer);
      look();
      return { samples, shown: [...shown] };
    },
  };
}

function argumentsOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    // It has ended.
    return "";
  }
}
