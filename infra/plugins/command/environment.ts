import type { Client, ClientChannel } from "ssh2";

/** A variable to set in the remote session before the command runs. */
export interface Variable {
  readonly name: string;
  readonly value: string;
  /** Without it the command must not run. */
  readonly required: boolean;
}

/** The server does not accept a required variable. Nothing was run. */
export class VariableRefused extends Error {
  override readonly name = "VariableRefused";

  constructor(variable: string) {
    super(
      `the SSH server refused the environment variable ${variable}: name it in AcceptEnv in its sshd_config, or set it in the command itself`,
    );
  }
}

/** What of ssh2's inside is needed: it sends variables without asking for an answer, so a refusal would go unseen. */
interface Internals {
  readonly _protocol: {
    env(channel: number, name: string, value: string, wantReply: boolean): void;
    exec(channel: number, command: string, wantReply: boolean): void;
  };
  readonly _chanMgr: { readonly _channels: { readonly [id: string]: unknown } };
}

interface ChannelInternals {
  readonly outgoing: { readonly id: number };
  readonly incoming: { readonly state: string };
  readonly _callbacks: ((failure: boolean | Error | undefined) => void)[];
  close(): void;
}

interface Pending {
  readonly variables: readonly Variable[];
  readonly refused: Variable[];
}

/** Commands that were asked for with variables, by the text that stands in for them until their channel is open. */
const pending = new WeakMap<object, Map<string, Pending>>();
let tickets = 0;

/**
 * Like ssh2's `exec`, but the server must have answered for every variable before the command is sent.
 *
 * @param started gets the channel and the names of those optional variables that were refused; it must listen before it returns: a
 * command that ends at once has its exit code in the same packet as the answer that it was started
 */
export function execWithEnvironment<Outcome>(
  client: Client,
  command: string,
  variables: readonly Variable[],
  options: { readonly env: object },
  started: (channel: ClientChannel, refused: readonly string[]) => Promise<Outcome>,
): Promise<Outcome> {
  const commands = prepare(client);
  const ticket = `${++tickets}:${command}`;
  const asked: Pending = { variables, refused: [] };
  commands.set(ticket, asked);
  return new Promise((resolve, reject) => {
    const done = (error: Error | undefined, channel: ClientChannel) => {
      commands.delete(ticket);
      if (error) reject(error);
      else
        resolve(
          started(
            channel,
            asked.refused.map(({ name }) => name),
          ),
        );
    };
    try {
      client.exec(ticket, options as { env: NodeJS.ProcessEnv }, done);
    } catch (error) {
      done(error as Error, undefined as never);
    }
  });
}

/** Puts the asking between the opening of a channel and its command, once for each client. */
function prepare(client: Client): Map<string, Pending> {
  const known = pending.get(client);
  if (known !== undefined) return known;
  const commands = new Map<string, Pending>();
  pending.set(client, commands);
  const { _protocol: protocol, _chanMgr: channels } = client as unknown as Internals;
  const exec = protocol.exec.bind(protocol);
  protocol.exec = (id, ticket, wantReply) => {
    const asked = commands.get(ticket);
    const channel = Object.values(channels._channels).find((each) => (each as ChannelInternals).outgoing?.id === id);
    if (asked === undefined || channel === undefined) throw new Error("ssh2 changed: no channel for a command");
    const { _callbacks: callbacks } = channel as ChannelInternals;
    const whenStarted = callbacks.pop();
    let open = asked.variables.length;
    const command = ticket.slice(ticket.indexOf(":") + 1);
    const send = () => {
      const refused = asked.refused.find((variable) => variable.required);
      if (refused === undefined) {
        if (whenStarted) callbacks.push(whenStarted);
        exec(id, command, wantReply);
        return;
      }
      (channel as ChannelInternals).close();
      whenStarted?.(new VariableRefused(refused.name));
    };
    for (const variable of asked.variables) {
      callbacks.push((failure) => {
        // The end of the channel answers everything that is open, too; then nothing was refused and nothing was run.
        if ((channel as ChannelInternals).incoming.state !== "open") return whenStarted?.(failure);
        if (failure) asked.refused.push(variable);
        if (--open === 0) send();
      });
      protocol.env(id, variable.name, variable.value, true);
    }
    if (open === 0) send();
  };
  return commands;
}
