import * as z from "zod";
import { announcementsSchema } from "./announcements.ts";
import { aptSchema } from "./apt.ts";
import { brokersSchema } from "./brokers.ts";
import { datamartSchema, datamartsSchema } from "./datamart.ts";
import { directorySchema } from "./directory.ts";
import { fullNameSchema, hostsSchema, sshSchema } from "./hosts.ts";
import { bridgesSchema, receiversSchema } from "./message-agents.ts";
import { monitorSchema } from "./monitor.ts";
import { secretsSchema } from "./secrets.ts";
import { tlsSchema } from "./tls.ts";
import { virtualIpsSchema } from "./virtual-ips.ts";

/** The `warren:` keys of a stack file; one file for each section. */
export const stackSchema = z.strictObject({
  ssh: sshSchema,
  /** The domain of hosts and virtual IPs that have no `fqdn` of their own, e.g. `cmc.ec.gc.ca`. */
  domain: fullNameSchema.optional(),
  hosts: hostsSchema,
  apt: aptSchema.optional(),
  brokers: brokersSchema,
  virtualIps: virtualIpsSchema.default({}),
  announcements: announcementsSchema,
  /** One public data server, as stacks with only one have it; more may be in `datamarts`. */
  datamart: datamartSchema.optional(),
  datamarts: datamartsSchema.default({}),
  receivers: receiversSchema.default({}),
  bridges: bridgesSchema.default({}),
  directory: directorySchema.default(directorySchema.parse({})),
  monitor: monitorSchema.default(monitorSchema.parse({})),
  tls: tlsSchema.default(tlsSchema.parse({})),
  secrets: secretsSchema,
});

/** A stack's config, parsed: defaults filled in, cross-field rules checked. */
export type StackConfig = z.infer<typeof stackSchema>;
