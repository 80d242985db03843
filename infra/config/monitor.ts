import * as z from "zod";
import { eventsSchema as published } from "../../agents/monitor/config.ts";
import { personSchema } from "./directory.ts";
import { nameSchema, portSchema } from "./hosts.ts";

/** Mail by a server of the site, the smarthost. Its password, if it needs one, is `warren:secrets.monitor.mailPassword`. */
const mailSchema = z.strictObject({
  smarthost: z.string().regex(/^[A-Za-z0-9.-]+:\d{1,5}$/, "expected HOST:PORT, e.g. mail.cmc.ec.gc.ca:25"),
  from: z.email("expected a mail address"),
  to: z.array(z.email("expected a mail address")).min(1),
  /** Its login at the smarthost; default: none. */
  user: z.string().min(1).optional(),
  /** Whether to refuse a smarthost without STARTTLS. */
  requireTls: z.boolean().default(true),
});

/** The live page for browsers elsewhere: Apache with the host's certificate, and a login. */
const pageSchema = z.strictObject({
  port: portSchema.default(9443),
  /**
   * `ldap`: people whose password a broker's directory accepts: that of the announcements' broker, or of the first one with `ldap`. `password`:
   * those under `warren:secrets.monitor.people`.
   */
  login: z.enum(["ldap", "password"]),
  /** Only these may see it; default: everybody with a valid password. */
  people: z.array(personSchema).min(1).optional(),
});

/** Alerts that subscribers of a public data server should know of, as WIS2 Monitoring Events on its broker. */
const eventsSchema = published.omit({ port: true }).extend({
  broker: nameSchema,
  exchange: published.shape.exchange.default("xpublic"),
});

/**
 * Prometheus and Alertmanager on hosts with the role `monitor`; without such a host nothing of it is used. URLs and the password are under
 * `warren:secrets.monitor`, because they may contain tokens.
 */
export const monitorSchema = z.strictObject({
  /** Who is notified of alerts; also the webhook `warren:secrets.monitor.webhookUrl`. */
  receivers: z.strictObject({ mail: mailSchema.optional() }).default({}),
  /** Days that Prometheus keeps its data. */
  retentionDays: z.int().min(1).max(365).default(15),
  /** GB on disk at which Prometheus drops its oldest data, however new: the data of a stack of thirty hosts in 15 days takes about half. */
  retentionGb: z.int().min(1).max(1000).default(8),
  /** Default: the live page is served on loopback only, for `./warren watch`. */
  page: pageSchema.optional(),
  /** Default: no alert is published. */
  events: eventsSchema.optional(),
  /** Factor of all times in the alert rules. Tests use 0.1, so that an alert fires within seconds; 1 is for operation. */
  timeScale: z.number().min(0.05).max(1).default(1),
});

export type MonitorConfig = z.infer<typeof monitorSchema>;
