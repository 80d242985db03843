import type { Client, ClientChannel } from "ssh2";

/** A variable to set in the remote session before the command runs. */
export interface Variable {
  readonly name: string;
  readonly value: string;
  /** The command must not run if the server refuses it. */
  readonly required: boolean;
}

/** The server refused a required variable. Nothing was run. */
export class VariableRefused extends Error {
  override readonly name = "VariableRefused";

  constructor(variable: string) {
    super(
      `the SSH server refused the environment variable ${variable}: add it to AcceptEnv in its sshd_config, or set it in the command itself`,
    );
  }
}

/** The required internals of ssh2, which sends variables without requesting an answer, so a refusal would go unnoticed. */
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

/** Commands with variables, by the placeholder that stands for each command until its channel is open. */
const pending = new WeakMap<object, Map<string, Pending>>();
let tickets = 0;

/**
 * Like ssh2's `exec`, but the command is sent only after the server has answered for every variable.
 *
 * @param started gets the channel and the names of refused optional variables. It must add listeners before it returns: the exit code of a
 *   command that ends at once is in the same packet as the confirmation of its start
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
  const requested: Pending = { variables, refused: [] };
  commands.set(ticket, requested);
  return new Promise((resolve, reject) => {
    const done = (error: Error | undefined, channel: ClientChannel) => {
      commands.delete(ticket);
      if (error) reject(error);
      else
        resolve(
          started(
            channel,
            requested.refused.map(({ name }) => name),
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

/** Inserts the requests for variables between the opening of a channel and its command, once per client. */
function prepare(client: Client): Map<string, Pending> {
  const known = pending.get(client);
  if (known !== undefined) return known;
  const commands = new Map<string, Pending>();
  pending.set(client, commands);
  const { _protocol: protocol, _chanMgr: channels } = client as unknown as Internals;
  const exec = protocol.exec.bind(protocol);
  protocol.exec = (id, ticket, wantReply) => {
    const requested = commands.get(ticket);
    const channel = Object.values(channels._channels).find((each) => (each as ChannelInternals).outgoing?.id === id);
    if (requested === undefined || channel === undefined) throw new Error("ssh2 changed: no channel for a command");
    const { _callbacks: callbacks } = channel as ChannelInternals;
    const whenStarted = callbacks.pop();
    let open = requested.variables.length;
    const command = ticket.slice(ticket.indexOf(":") + 1);
    const send = () => {
      const refused = requested.refused.find((variable) => variable.required);
      if (refused === undefined) {
        if (whenStarted) callbacks.push(whenStarted);
        exec(id, command, wantReply);
        return;
      }
      (channel as ChannelInternals).close();
      whenStarted?.(new VariableRefused(refused.name));
    };
    for (const variable of requested.variables) {
      callbacks.push((failure) => {
        // Closing the channel also answers pending requests; then nothing was refused and nothing was run.
        if ((channel as ChannelInternals).incoming.state !== "open") return whenStarted?.(failure);
        if (failure) requested.refused.push(variable);
        if (--open === 0) send();
      });
      protocol.env(id, variable.name, variable.value, true);
    }
    if (open === 0) send();
  };
  return commands;
}
