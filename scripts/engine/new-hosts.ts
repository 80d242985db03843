import type { StackConfig } from "../../infra/config/index.ts";
import {
  acceptKeys,
  type OfferedKey,
  type PinnedKey,
  pinnedKeys,
  type StackHosts,
  unconfirmedKeys,
} from "../../infra/hosts/host-keys.ts";
import { unconfirmedHosts, unconfirmedLine } from "../../infra/observe/host-key-notes.ts";
import { confirm } from "../lib/confirm.ts";
import { connectWith, knownKeys, stackHosts } from "./hosts.ts";
import { checkout } from "./places.ts";

/** Milliseconds for a new host to show its key. */
const contactTimeoutMs = 10_000;

interface NewHosts {
  readonly stack: string;
  readonly verb: string;
  /** Confirms without a question. `--yes` doesn't, because it only says that a person has read the preview, which proves no key. */
  readonly accept: boolean | undefined;
}

/**
 * Contacts the hosts of a stack whose keys nobody has confirmed, and asks about these keys, because `up` sends the stack's secrets to the
 * machines that have them. A host that doesn't answer shows no key, and gets nothing.
 *
 * @param except a host that is left out
 * @throws UserError if they are not confirmed; nothing has been changed then
 */
export async function confirmNewHosts({
  config,
  except,
  ...options
}: NewHosts & { readonly config: StackConfig; readonly except?: string | undefined }) {
  const model = stackHosts(options.stack, config);
  const known = await knownKeys(model).catch(() => (options.accept ? pinnedKeys(model, checkout, {}) : undefined));
  // If the engine must ask for the passphrase, only the engine can read the state. Its program then refuses unconfirmed keys, instead of this.
  if (!known) return;
  const unknown = model.hosts.filter(({ name }) => name !== except && !known.has(name));
  if (unknown.length > 0) {
    const reach = await connectWith(model, known);
    // ssh keeps the key before it logs in, so the answer doesn't matter.
    await Promise.all(unknown.map(({ name }) => reach.ask(name, "", () => undefined, contactTimeoutMs)));
  }
  const keys = unconfirmedKeys(model, unknown.length > 0 ? await withContacted(model, known) : known);
  await confirmKeys(
    keys.filter(({ host }) => host !== except),
    options,
  );
}

/** With the keys that ssh has kept since. */
async function withContacted(model: StackHosts, known: ReadonlyMap<string, PinnedKey>) {
  return new Map([...(await pinnedKeys(model, checkout, {})), ...known]);
}

/** @throws UserError if they are not confirmed */
export async function confirmKeys(keys: readonly OfferedKey[], { stack, verb, accept }: NewHosts): Promise<void> {
  if (keys.length === 0) return;
  const lines = keys.map(unconfirmedLine);
  if (!accept) {
    if (!process.stdin.isTTY) throw unconfirmedHosts(stack, lines);
    process.stderr.write(`${lines.join("\n")}\n`);
    const which = keys.length === 1 ? "this the key of this host" : "these the keys of these hosts";
    await confirm({ verb, text: `are ${which}`, yes: false });
  }
  await acceptKeys(stack, checkout, keys);
}
