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
 * The unique lines of a private key, one by one, because a quoted key has other line ends. The first line only tells the kind of key, and the last
 * one may have only a few letters.
 */
const keyLines = (key: string): string[] =>
  key
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("-----"))
    .slice(1, -1);

/** Names of the secrets that a text contains, in plain text or anywhere inside base64. */
export function shownSecrets(text: string, secrets: ReadonlyMap<string, string>): string[] {
  return [...secrets].flatMap(([name, secret]) => (formsOf(secret).some((form) => text.includes(form)) ? [name] : []));
}

/** The secret itself, and the part of its base64 that doesn't depend on the bytes before and after it. */
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
 * Reads the arguments of every process on the machine, including those of all hosts, until it is stopped. May miss a process that lives for less
 * than the time between two samples.
 */
export function watchArguments(secrets: ReadonlyMap<string, string>): { stop(): { samples: number; shown: string[] } } {
  const shown = new Set<string>();
  let samples = 0;
  const sample = () => {
    samples += 1;
    for (const pid of readdirSync("/proc")) {
      if (!/^\d+$/.test(pid)) continue;
      const line = argumentsOf(pid);
      for (const name of shownSecrets(line, secrets)) shown.add(`${name} in the arguments of ${line.split("\0")[0]}`);
    }
  };
  const timer = setInterval(sample, sampleEveryMs);
  return {
    stop() {
      clearInterval(timer);
      sample();
      return { samples, shown: [...shown] };
    },
  };
}

function argumentsOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    // The process has exited.
    return "";
  }
}
