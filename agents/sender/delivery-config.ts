import { z } from "zod";
import { fileRule } from "../lib/file-rules.ts";
import { templateFault } from "./template.ts";

const portMax = 65_535;
const sshPort = 22;
const ftpPort = 21;

/** Accept and reject as elsewhere; an accepted file also has a place on the server. */
export const deliveryRule = fileRule.safeExtend({
  directory: z
    .string()
    .max(1000)
    .optional()
    .describe(
      `where it goes, below \`root\`, e.g. radar/\${0}; \${0} is the first capture, \${CCCC}, \${RYYYY} and the like parts of the name; left out: root itself`,
    ),
  fileName: z
    .string()
    .min(1)
    .max(1000)
    .optional()
    .describe(
      `its name there; \${WHATFN} up to the first colon (so if left out), \${HEADFN} two words of that, \${NONE} without the stamp, \${STAMP} the stamp, \${NAME} as it is`,
    ),
});
export type DeliveryRule = z.infer<typeof deliveryRule>;

const chmod = z.string().regex(/^0?[0-7]{3}$/, "expected three octal digits, e.g. 775");

const serverObject = z.strictObject({
  host: z.string().regex(/^[A-Za-z0-9._:-]+$/, "expected a host's name or address"),
  user: z.string().min(1).max(255),
  passwordFile: z.string().min(1).optional().describe("file that holds the password alone"),
  connectTimeoutMs: z.int().min(100).max(600_000).default(10_000).describe("until it takes files"),
  idleTimeoutMs: z
    .int()
    .min(100)
    .max(3_600_000)
    .default(30_000)
    .describe("a server that says and takes nothing for so long while it should counts as gone"),
  reconnectDelayMinMs: z.int().min(10).max(60_000).default(200).describe("first pause; doubles, with jitter"),
  reconnectDelayMaxMs: z.int().min(100).max(3_600_000).default(30_000),
});

const port = (usual: number) => z.int().min(1).max(portMax).default(usual);

export const sftpServer = serverObject.extend({
  port: port(sshPort),
  keyFile: z.string().min(1).optional().describe("private key, without a passphrase"),
  knownHostsFile: z.string().min(1).optional().describe("as OpenSSH writes it; one of its keys for this host counts"),
  hostKeys: z
    .array(z.string().regex(/^SHA256:[A-Za-z0-9+/]{43}$/, "expected SHA256:…, as ssh-keygen -l says it"))
    .max(16)
    .default([])
    .describe("fingerprints of the host's keys; with knownHostsFile both count"),
  filesAtOnce: z
    .int()
    .min(1)
    .max(256)
    .default(32)
    .describe("under way at a time over the one connection; 1: each waits for the one before"),
});

export const ftpServer = serverObject.extend({
  port: port(ftpPort),
  passwordFile: z.string().min(1).describe("file that holds the password alone"),
  mode: z.enum(["passive", "active"]).default("passive").describe("active: the server connects back to this host"),
  tls: z
    .strictObject({ caFile: z.string().min(1).describe("certificates of CAs, PEM; names are verified") })
    .optional()
    .describe("explicit FTPS, for commands and data; left out: in the clear, password included"),
});

const notify = z.strictObject({
  queueDirectory: z.string().min(2).describe("the txq of a sender of type amqp; on any disk of this host"),
  baseUrl: z
    .string()
    .regex(/^https?:\/\/[^\s/?#]+\/$/, "expected scheme and host with a slash, e.g. http://dd1.weather.gc.ca/")
    .describe("before the path below `root`"),
});

/** What types sftp and ftp have beside a server and what every sender has. */
export const deliveryKeys = {
  rules: z
    .array(deliveryRule)
    .min(1)
    .describe("accept and reject, in their order; the first that matches a file's name decides; none: rejected"),
  root: z
    .string()
    .max(1000)
    .default("")
    .describe("folder on the server, absolute or from where a login begins; left out: there"),
  lock: z
    .union([z.literal("umask"), z.string().regex(/^\.[A-Za-z0-9._-]{1,32}$/, "expected umask, or e.g. .tmp")])
    .default(".tmp")
    .describe("until it is whole: .tmp, so called at the end of its name; umask: its own name and mode 000"),
  chmod: chmod.default("644").describe("of a file that is whole"),
  directoryChmod: chmod.default("755").describe("of directories that are made"),
  makeDirectories: z.boolean().default(true).describe("make directories that are missing below `root`"),
  notify: notify
    .optional()
    .describe("write a file with the product's URL into a txq when it is there; left out: nobody is told"),
};

interface Templates {
  readonly rules: readonly DeliveryRule[];
}

/** Rules over several keys: every template can be filled in. */
export function checkTemplates({ rules }: Templates, context: z.RefinementCtx): void {
  for (const [index, rule] of rules.entries()) {
    for (const key of ["directory", "fileName"] as const) {
      const template = rule[key];
      if (template === undefined) continue;
      const message =
        rule.accept === undefined
          ? "belongs to accept: what is rejected goes nowhere"
          : templateFault(template, rule.accept, key);
      if (message !== undefined) {
        context.addIssue({ code: "custom", path: ["rules", index, key], message, input: template });
      }
    }
  }
}

/** Rules over several keys: there is a way to log in, and a key to know the host by. */
export function checkSftpServer({ server }: { readonly server: z.infer<typeof sftpServer> }, context: z.RefinementCtx) {
  if (server.keyFile === undefined && server.passwordFile === undefined) {
    const message = "expected keyFile or passwordFile: how to log in";
    context.addIssue({ code: "custom", path: ["server"], message, input: undefined });
  }
  if (server.knownHostsFile === undefined && server.hostKeys.length === 0) {
    const message = "expected knownHostsFile or hostKeys: which host it is (ssh-keyscan HOST | ssh-keygen -lf -)";
    context.addIssue({ code: "custom", path: ["server"], message, input: undefined });
  }
}
