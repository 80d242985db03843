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
  /** Shown only while the resource is worked on, as progress; not kept. */
  readonly status?: boolean;
}

const severities = {
  debug: messages.LogSeverity.DEBUG,
  info: messages.LogSeverity.INFO,
  warning: messages.LogSeverity.WARNING,
  error: messages.LogSeverity.ERROR,
};

/** The engine's log. Lines are sent in order; `flush` waits until the engine has them all. */
export class EngineLog {
  #client: InstanceType<typeof services.EngineClient> | undefined;
  #sent: Promise<void> = Promise.resolve();

  /** Later lines go to the engine at this address (host:port). Without one, lines are dropped: nobody listens. */
  connect(address: string): void {
    this.#client ??= new services.EngineClient(address, grpc.credentials.createInsecure(), channelOptions);
  }

  write(line: LogLine): void {
    const client = this.#client;
    if (client === undefined) return;
    const request = new messages.LogRequest();
    request.setSeverity(severities[line.severity]);
    request.setMessage(line.message);
    request.setUrn(line.urn ?? "");
    request.setEphemeral(line.status ?? false);
    // A line that can't be delivered is no reason to fail the operation it tells about: the engine that would show both is gone.
    const deliver = () => new Promise<void>((resolve) => client.log(request, () => resolve()));
    this.#sent = this.#sent.then(deliver);
  }

  flush(): Promise<void> {
    return this.#sent;
  }

  close(): void {
    this.#client?.close();
  }
}

/**
 * The engine's address as it stands on a plugin's command line: the last argument, behind whatever flags the engine was
 * asked to pass on (`-v=9`, `-tracing …`). Empty when a person started the plugin by hand.
 */
export function engineArgument(): string {
  const last = process.argv.slice(2).at(-1) ?? "";
  return last.startsWith("-") ? "" : last;
}
