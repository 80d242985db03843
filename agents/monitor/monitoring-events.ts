import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import * as z from "zod";
import { UserError } from "../lib/errors.ts";
import { nameUuid } from "../lib/uuid.ts";

const time = z.iso.datetime({ offset: true }).transform((text) => new Date(text).toISOString());
const texts = z.record(z.string(), z.string());

/** What Alertmanager posts (version 4), as far as events need it. */
const posted = z.object({
  alerts: z.array(
    z.object({
      status: z.enum(["firing", "resolved"]),
      fingerprint: z.string(),
      startsAt: time,
      endsAt: time,
      labels: texts,
      annotations: texts,
    }),
  ),
});
type PostedAlert = z.infer<typeof posted>["alerts"][number];

/** WIS2 Monitoring Events 1.0, requirement /req/monitoring-event-message-core/message_size. */
const eventBytesMax = 8192;
const bodyBytesMax = 1_000_000;

/**
 * An alert, or its end, as a CloudEvent of WIS2 Monitoring Events 1.0, in JSON. Its `id` depends only on the alert and its beginning, so an event that
 * is sent again has the same one; the end refers to the beginning. It says nothing but the sentence for outsiders, and when.
 *
 * @returns undefined for an alert without such a sentence
 */
export function eventOf(alert: PostedAlert, centre: string, nowMs: number): Buffer | undefined {
  const { status, fingerprint, startsAt, endsAt, labels, annotations } = alert;
  const title = annotations.outsiders;
  if (!title) return undefined;
  const isOver = status === "resolved";
  const beginning = nameUuid(`${fingerprint} ${startsAt}`);
  const event = {
    id: isOver ? nameUuid(`${fingerprint} ${startsAt} ended`) : beginning,
    ...{ specversion: "1.0", type: "int.wmo.wis.wme.event", source: centre, subject: centre },
    ...{ time: new Date(nowMs).toISOString(), datacontenttype: "application/json" },
    dataschema: "https://schemas.wmo.int/wme/1.0.0/schemas/wis2-event-message-bundled.json",
    data: {
      conformsTo: ["http://wis.wmo.int/spec/wme/1/conf/monitoring-event-message-core"],
      severity: isOver ? "INFO" : labels.severity === "page" ? "CRITICAL" : "WARNING",
      ...(isOver ? { ref: beginning } : {}),
      time: { interval: [startsAt, isOver ? endsAt : ".."] },
      content: { title, description: isOver ? `It is over: from ${startsAt} to ${endsAt}.` : `Since ${startsAt}.` },
    },
  };
  const body = Buffer.from(JSON.stringify(event));
  return body.length > eventBytesMax ? undefined : body;
}

interface ReceiverOptions {
  /** On loopback; 0 for any free port. */
  readonly port: number;
  readonly centre: string;
  /** Whether the broker has confirmed it. */
  publish(event: Buffer): Promise<boolean>;
  readonly nowMs: () => number;
}

export interface AlertReceiver {
  readonly port: number;
  close(): void;
}

/**
 * Takes alerts from the Alertmanager of this host and publishes them as events. The answer is 200 when all are confirmed, else 503: then Alertmanager
 * tries again. It remembers nothing, because Alertmanager does. Everybody on this host may post, as everybody here may post alerts to Alertmanager.
 */
export async function receiveAlerts({ port, centre, publish, nowMs }: ReceiverOptions): Promise<AlertReceiver> {
  const handle = async (request: IncomingMessage): Promise<number> => {
    // A browser asks before it posts JSON to another site, and gets no permission.
    if (request.method !== "POST" || !/^application\/json\b/.test(request.headers["content-type"] ?? "")) return 405;
    const found = posted.safeParse(await bodyOf(request));
    if (!found.success) return 400;
    for (const alert of found.data.alerts) {
      const event = eventOf(alert, centre, nowMs());
      if (event && !(await publish(event))) return 503;
    }
    return 200;
  };
  const server = createServer((request, response) => {
    handle(request).then(
      (status) => response.writeHead(status).end(),
      () => response.destroy(),
    );
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening").catch((cause: Error) => {
    throw new UserError("events", `can't listen on 127.0.0.1:${port}: ${cause.message}`, "give another events.port", {
      cause,
    });
  });
  const address = server.address();
  return {
    port: typeof address === "object" && address ? address.port : port,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** Its JSON; undefined if it is none, or too long. */
async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length;
    if (bytes > bodyBytesMax) return undefined;
    chunks.push(chunk as Buffer);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString());
  } catch {
    return undefined;
  }
}
