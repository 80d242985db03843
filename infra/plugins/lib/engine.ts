import * as grpc from "@grpc/grpc-js";
import services from "@pulumi/pulumi/proto/engine_grpc_pb.js";
import messages from "@pulumi/pulumi/proto/engine_pb.js";
import { channelOptions } from "./grpc.ts";

export type Severity = "debug" | "info" | "warning" | "error";

export interface LogLine {
  readonly severity: Severity;
  readonly message: string;
  /** The resource the line belongs to. */
  readonly urn?: string;
  /** Shown only as progress while the operation runs; not kept. */
  readonly status?: boolean;
}

const severities = {
  debug: messages.LogSeverity.DEBUG,
  info: messages.LogSeverity.INFO,
  warning: messages.LogSeverity.WARNING,
  error: messages.LogSeverity.ERROR,
};

/**
 * The engine's log. Lines are sent in order; similar lines that queue up behind a slow engine are sent together. `flush` waits until the engine has
 * received all.
 */
export class EngineLog {
  #client: InstanceType<typeof services.EngineClient> | undefined;
  #sent: Promise<void> = Promise.resolve();
  readonly #waiting: LogLine[] = [];

  /** Sends later lines to the engine at this address (host:port). Without an address, lines are dropped. */
  connect(address: string): void {
    this.#client ??= new services.EngineClient(address, grpc.credentials.createInsecure(), channelOptions);
  }

  write(line: LogLine): void {
    if (this.#client === undefined) return;
    const last = this.#waiting.at(-1);
    if (last !== undefined && last.urn === line.urn && last.severity === line.severity && last.status === line.status) {
      this.#waiting[this.#waiting.length - 1] = { ...line, message: `${last.message}\n${line.message}` };
      return;
    }
    this.#waiting.push(line);
    this.#sent = this.#sent.then(() => this.#sendNext());
  }

  flush(): Promise<void> {
    return this.#sent;
  }

  #sendNext(): Promise<void> {
    const client = this.#client;
    const line = this.#waiting.shift();
    if (client === undefined || line === undefined) return Promise.resolve();
    const request = new messages.LogRequest();
    request.setSeverity(severities[line.severity]);
    request.setMessage(line.message);
    request.setUrn(line.urn ?? "");
    request.setEphemeral(line.status ?? false);
    // A line that can't be delivered must not fail its operation: the engine that would show both is gone.
    return new Promise((resolve) => client.log(request, () => resolve()));
  }
}

/**
 * The engine's address on a plugin's command line: the last argument, after flags that the engine passes on (`-v=9`, `-tracing …`). Empty if the
 * plugin was started by hand.
 */
export function engineArgument(): string {
  const last = process.argv.slice(2).at(-1) ?? "";
  return last.startsWith("-") ? "" : last;
}
