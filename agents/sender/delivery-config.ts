import * as z from "zod";
import { fileRule } from "../lib/file-rules.ts";
import { templateFault } from "./template.ts";

const portMax = 65_535;
const sshPort = 22;
const ftpPort = 21;

/** Accept and reject as elsewhere, plus the place of an accepted file on the server. */
export const deliveryRule = fileRule.safeExtend({
  directory: z
    .string()
    .max(1000)
    .optional()
    .describe(
      `directory below \`root\`, e.g. radar/\${0}; \${0} is the first capture; \${CCCC}, \${RYYYY} and the like are parts of the name; default: root itself`,
    ),
  fileName: z
    .string()
    .min(1)
    .max(1000)
    .optional()
    .describe(
      `name on the server; \${WHATFN}: up to the first colon (the default), \${HEADFN}: two words of that, \${NONE}: without the stamp, \${STAMP}: the stamp, \${NAME}: unchanged`,
    ),
});
export type DeliveryRule = z.infer<typeof deliveryRule>;

const chmod = z.string().regex(/^0?[0-7]{3}$/, "expected three octal digits, e.g. 775");

const serverObject = z.strictObject({
  host: z.string().regex(/^[A-Za-z0-9._:-]+$/, "expected a host's name or address"),
  user: z.string().min(1).max(255),
  passwordFile: z.string().min(1).optional().describe("file that contains only the password"),
  connectTimeoutMs: z.int().min(100).max(600_000).default(10_000).describe("for connecting and logging in"),
  idleTimeoutMs: z
    .int()
    .min(100)
    .max(3_600_000)
    .default(30_000)
    .describe("a server that neither answers nor accepts data for so long counts as lost"),
  reconnectDelayMinMs: z
    .int()
    .min(10)
    .max(60_000)
    .default(200)
    .describe("first pause before reconnecting; doubles, with jitter"),
  reconnectDelayMaxMs: z.int().min(100).max(3_600_000).default(30_000),
});

const port = (usual: number) => z.int().min(1).max(portMax).default(usual);

export const sftpServer = serverObject.extend({
  port: port(sshPort),
  keyFile: z.string().min(1).optional().describe("private key, without a passphrase"),
  knownHostsFile: z
    .string()
    .min(1)
    .optional()
    .describe("known_hosts file of OpenSSH; the host must show one of its keys for this host"),
  hostKeys: z
    .array(z.string().regex(/^SHA256:[A-Za-z0-9+/]{43}$/, "expected SHA256:…, as printed by ssh-keygen -l"))
    .max(16)
    .default([])
    .describe("fingerprints of the host's keys, in addition to knownHostsFile"),
  filesAtOnce: z
    .int()
    .min(1)
    .max(256)
    .default(32)
    .describe("files in flight at a time on the connection; 1: one after the other"),
});

export const ftpServer = serverObject.extend({
  port: port(ftpPort),
  passwordFile: z.string().min(1).describe("file that contains only the password"),
  mode: z.enum(["passive", "active"]).default("passive").describe("active: the server connects back to this host"),
  tls: z
    .strictObject({
      caFile: z.string().min(1).describe("certificates of trusted CAs, PEM; the host's name is verified"),
    })
    .optional()
    .describe("explicit FTPS for commands and data; default: unencrypted, including the password"),
});

const notify = z.strictObject({
  queueDirectory: z.string().min(2).describe("the txq of a sender of type amqp; on any disk of this host"),
  baseUrl: z
    .string()
    .regex(/^https?:\/\/[^\s/?#]+\/$/, "expected scheme and host with a slash, e.g. http://dd1.weather.gc.ca/")
    .describe("URL of `root`"),
});

/** Keys that the types sftp and ftp share, besides those of every sender. */
export const deliveryKeys = {
  rules: z
    .array(deliveryRule)
    .min(1)
    .describe("accept and reject rules; the first that matches a file's name decides; no match: rejected"),
  root: z
    .string()
    .max(1000)
    .default("")
    .describe("directory on the server, absolute or relative to the login directory; default: the login directory"),
  lock: z
    .union([z.literal("umask"), z.string().regex(/^\.[A-Za-z0-9._-]{1,32}$/, "expected umask, or e.g. .tmp")])
    .default(".tmp")
    .describe("lock until a file is complete: .tmp: a suffix on its name; umask: its final name with mode 000"),
  chmod: chmod.default("644").describe("mode of a complete file"),
  directoryChmod: chmod.default("755").describe("mode of created directories"),
  makeDirectories: z.boolean().default(true).describe("create missing directories below `root`"),
  notify: notify
    .optional()
    .describe("after the delivery, write a file with the product's URL into a txq; default: no notification"),
};

interface Templates {
  readonly rules: readonly DeliveryRule[];
}

/** Rule across keys: every template can be filled in. */
export function checkTemplates({ rules }: Templates, context: z.RefinementCtx): void {
  for (const [index, rule] of rules.entries()) {
    for (const key of ["directory", "fileName"] as const) {
      const template = rule[key];
      if (template === undefined) continue;
      const message =
        rule.accept === undefined
          ? "needs accept: a rejected file has no place"
          : templateFault(template, rule.accept, key);
      if (message !== undefined) {
        context.addIssue({ code: "custom", path: ["rules", index, key], message, input: template });
      }
    }
  }
}

/** Rules across keys: there is a way to log in, and a way to verify the host. */
export function checkSftpServer({ server }: { readonly server: z.infer<typeof sftpServer> }, context: z.RefinementCtx) {
  if (server.keyFile === undefined && server.passwordFile === undefined) {
    const message = "expected keyFile or passwordFile, to log in";
    context.addIssue({ code: "custom", path: ["server"], message, input: undefined });
  }
  if (server.knownHostsFile === undefined && server.hostKeys.length === 0) {
    const message = "expected knownHostsFile or hostKeys, to verify the host (ssh-keyscan HOST | ssh-keygen -lf -)";
    context.addIssue({ code: "custom", path: ["server"], message, input: undefined });
  }
}
