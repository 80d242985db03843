import * as grpc from "@grpc/grpc-js";

/** The engine's own limit, because state and file contents are single messages. */
const messageBytesMax = 400 * 1024 * 1024;

export const channelOptions = {
  "grpc.max_receive_message_length": messageBytesMax,
  "grpc.max_send_message_length": messageBytesMax,
};

/** An error with a specific gRPC status. Every other error is sent as UNKNOWN with its message. */
export class StatusError extends Error {
  override readonly name = "StatusError";
  readonly code: grpc.status;

  constructor(code: grpc.status, message: string) {
    super(message);
    this.code = code;
  }
}

type Unary = (request: never) => Promise<unknown> | unknown;

/** By the method's name in the service definition, e.g. `getPluginInfo`. */
export interface Methods {
  readonly [method: string]: Unary;
}

/**
 * Completes these methods to an implementation of the whole service. A missing method answers UNIMPLEMENTED with its name, so that the engine can
 * continue without it and the user sees what is missing.
 */
export function implement(service: grpc.ServiceDefinition, plugin: string, methods: Methods) {
  const implementation: { [method: string]: grpc.UntypedHandleCall } = {};
  for (const [method, { path }] of Object.entries(service)) {
    const missing = () => {
      throw new StatusError(grpc.status.UNIMPLEMENTED, `${plugin}: ${path.slice(1)} is not implemented by this plugin`);
    };
    implementation[method] = unaryHandler(methods[method] ?? missing);
  }
  return implementation;
}

function unaryHandler(handle: Unary): grpc.handleUnaryCall<unknown, unknown> {
  return (call, callback) => {
    Promise.resolve()
      .then(() => handle(call.request as never))
      .then(
        (response) => callback(null, response),
        (error: unknown) => callback(asStatus(error)),
      );
  };
}

function asStatus(error: unknown): { code: grpc.status; details: string } {
  if (error instanceof StatusError) return { code: error.code, details: error.message };
  return { code: grpc.status.UNKNOWN, details: error instanceof Error ? error.message : String(error) };
}

/**
 * Serves on a free port of the loopback address and prints the port as the first line of standard output, where the engine expects it.
 */
export async function serve(service: grpc.ServiceDefinition, implementation: grpc.UntypedServiceImplementation) {
  const server = new grpc.Server(channelOptions);
  server.addService(service, implementation);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  process.stdout.write(`${port}\n`);
  return server;
}
