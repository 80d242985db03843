import { createHash } from "node:crypto";
import { join } from "node:path";

export interface StatePlace {
  readonly stateDirectory: string;
  readonly receiverQueueDirectory: string;
}

const idCharacters = 12;

/** A receiver queue's own file: pullers that are started by hand share the state's folder where they share that of their configs. */
export function stateFile(
  kind: string,
  ending: string,
  { stateDirectory, receiverQueueDirectory }: StatePlace,
): string {
  const id = createHash("sha256").update(receiverQueueDirectory).digest("hex").slice(0, idCharacters);
  return join(stateDirectory, `${kind}-${id}.${ending}`);
}
