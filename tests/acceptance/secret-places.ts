import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import { ownFolder } from "../../scripts/engine/places.ts";
import { shownSecrets } from "./secrets.ts";
import { lab, on, stackConfig, warren } from "./subject.ts";

/** Texts that must not contain secrets, by place: the state, this machine's logs, every host's logs. */
export async function secretPlaces(): Promise<Record<string, string>> {
  const { output: state } = await warren(["pulumi", "stack", "export", "-s", lab]);
  const { hosts } = await stackConfig();
  const journals = await Promise.all(
    Object.keys(hosts).map(async (host) => {
      const { stdout } = await on(
        host,
        "journalctl --no-pager --all --output=verbose; cat /var/log/rabbitmq/* /var/log/dpkg.log 2>/dev/null; true",
      );
      return [`logs of ${host}`, stdout] as const;
    }),
  );
  const here = await Promise.all(
    ["state", "logs", "ssh"].map(async (folder) => [`.warren/${folder}`, await textsIn(folder)] as const),
  );
  return { "stack export": state, ...Object.fromEntries([...journals, ...here]) };
}

/** Fails with the names of places and secrets, never with a secret. */
export function expectHidden(places: Readonly<Record<string, string>>, secrets: ReadonlyMap<string, string>): void {
  const empty = Object.keys(places).filter((place) => place !== ".warren/logs" && places[place] === "");
  expect(empty, "empty places prove nothing").toEqual([]);
  const shown = Object.entries(places).flatMap(([place, text]) =>
    shownSecrets(text, secrets).map((secret) => `${secret} in ${place}`),
  );
  expect(shown).toEqual([]);
}

async function textsIn(folder: string): Promise<string> {
  const path = join(ownFolder, folder);
  const entries = await readdir(path, { recursive: true, withFileTypes: true }).catch(() => []);
  const files = entries.filter((entry) => entry.isFile());
  const texts = await Promise.all(files.map((file) => readFile(join(file.parentPath, file.name), "latin1")));
  return texts.join("\n");
}
