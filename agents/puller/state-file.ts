import { createHash } from "node:crypto";
import { join } from "node:path";

export interface StatePlace {
  readonly stateDirectory: string;
  readonly receiverQueueDirectory: string;
}

const idCharacters = 12;

/** Each receiver queue has its own file: a config that names another one later must not find the first one's products. */
export function stateFile(
  kind: string,
  ending: string,
  { stateDirectory, receiverQueueDirectory }: StatePlace,
): string {
  const id = createHash("sha256").update(receiverQueueDirectory).digest("hex").slice(0, idCharacters);
  return join(stateDirectory, `${kind}-${id}.${ending}`);
}
