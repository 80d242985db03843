import { describe, expect, it } from "vitest";
import { configSchema as senderSchema } from "../../agents/sender/config.ts";
import { parseStackConfig, type StackConfig } from "../config/index.ts";
import { hostSteps } from "../resources/host-steps.ts";
import { contentOf, exporterUnits, fixtureConfig, fixtureModel, hostOf, monitorUnits, stackValues } from "./fixture.ts";
import { knownHostMark, withHostKeys } from "./host-key.ts";

const config = fixtureConfig();
const px = (given: StackConfig = config) => hostOf("px-1", given);
const readConfig = (name: string, given?: StackConfig) => JSON.parse(contentOf(px(given), `/etc/warren/${name}.json`));

describe("a px host", () => {
  it("has several senders of one program: delivering ones with their own txqs, and an announcing one", () => {
    const model = px();
    const names = ["delivery-ftp", "delivery-sftp", "dd-notify"];
    const units = model.units.map((unit) => unit.name);
    const own = [...names, "auditor", "monitor", "page", "receiver-urls"].map((name) => `warren-${name}.service`);
    expect(units).toEqual([...own, ...monitorUnits, ...exporterUnits]);
    const [queues, ports] = [names.map((name) => readConfig(name)), names.map((name) => readConfig(name).metrics.port)];
    expect(queues.map(({ queueDirectory }) => queueDirectory)).toEqual([
      "/apps/px/txq/ftp",
      "/apps/px/txq/sftp",
      "/apps/px/txq/dd-notify-wxo-b1",
    ]);
    expect(ports).toEqual([9110, 9111, 9105]);
    expect(model.artifacts.map((artifact) => artifact.path)).toEqual([
      "/opt/warren/node/bin/node",
      "/opt/warren/agents/sender.mjs",
      "/opt/warren/agents/auditor.mjs",
      "/opt/warren/agents/monitor.mjs",
      "/opt/warren/agents/receiver.mjs",
    ]);
    for (const name of names) {
      expect(senderSchema.safeParse(readConfig(name)).error?.issues, name).toBeUndefined();
      expect(contentOf(model, `/etc/systemd/system/warren-${name}.service`)).toContain(
        `/opt/warren/agents/sender.mjs --config /etc/warren/${name}.json`,
      );
    }
  });

  it("delivers below the document root as seen by the account there, and notifies the announcing sender", () => {
    expect(readConfig("delivery-sftp")).toMatchObject({
      type: "sftp",
      root: "/public",
      lock: "umask",
      chmod: "775",
      batch: 100,
      server: { host: "wxo-b1.cmc.ec.gc.ca", port: 22, user: "wxofeed" },
      notify: { queueDirectory: readConfig("dd-notify").queueDirectory, baseUrl: "http://wxo-b1.cmc.ec.gc.ca/" },
    });
    expect(readConfig("delivery-sftp")).not.toHaveProperty("broker");
  });

  it("delivers by FTP to the same place, with a password, and over TLS if configured", () => {
    const { server, ...rest } = readConfig("delivery-ftp");
    expect(rest).toMatchObject({
      type: "ftp",
      root: "/public",
      lock: "umask",
      notify: readConfig("delivery-sftp").notify,
    });
    // biome-ignore lint/suspicious/noTemplateCurlyInString: systemd fills it in
    const passwordFile = "${CREDENTIALS_DIRECTORY}/delivery-password";
    const login = { host: "wxo-b1.cmc.ec.gc.ca", port: 21, user: "wxofeed", passwordFile };
    expect(server).toEqual({ ...login, mode: "active" });
    const secure = readConfig("delivery-ftp", fixtureConfig("lab4")).server;
    expect(secure).toEqual({ ...login, mode: "passive", tls: { caFile: "/etc/warren/tls/ca.pem" } });
    expect(px().files.find(({ path }) => path.endsWith("/delivery-password"))).toMatchObject({
      secret: true,
      mode: "0600",
    });
  });

  it("announces like the requirement's dd-notify, to the broker of the public data server", () => {
    expect(readConfig("dd-notify")).toMatchObject({
      broker: { hosts: ["amqps://10.203.0.61:5671"], user: "sender" },
      exchange: "cmc",
      // biome-ignore lint/suspicious/noTemplateCurlyInString: the sender fills it in
      exchangeKey: "exp.dd.notify.${0}",
      rules: [{ reject: "^ensemble.naefs.grib2.raw.*" }, { accept: "^(.*)\\+\\+.*" }],
    });
  });

  it("has no rule or option that a stack can't change", () => {
    const values = stackValues("lab") as {
      brokers: Record<string, object>;
      datamart: { delivery: { senders: { ftp: object } } };
    };
    const common = { validation: true, noDuplicates: true, batch: 7, rules: [{ accept: "^(a)" }] };
    Object.assign(values.datamart.delivery.senders.ftp, { ...common, lock: ".part", chmod: "640" });
    const exchangeKey = "exp.dd.notify.x.$".concat("{0}");
    Object.assign(values.datamart.delivery, { notify: { ...common, exchangeKey } });
    Object.assign(values.brokers["wxo-b1"] ?? {}, { exchanges: [{ name: "cmc", type: "direct" }, "xpublic"] });
    const other = parseStackConfig(values as unknown as Record<string, unknown>, "stack lab");
    expect(readConfig("delivery-ftp", other)).toMatchObject({ ...common, lock: ".part", chmod: "640" });
    expect(readConfig("dd-notify", other)).toMatchObject({ ...common, exchangeKey, exchangeType: "direct" });
  });

  it("also announces in sr3's formats, unless configured otherwise", () => {
    const withDatamart = (change: object) =>
      ({ ...config, datamart: { ...config.datamart, ...change } }) as StackConfig;
    const formatsOf = (given?: StackConfig) => readConfig("dd-notify", given).alsoFormats;
    const v02 = { format: "v02", exchange: "xpublic", topicPrefix: "v02.post" };
    expect(formatsOf()).toEqual([v02, { format: "v03", exchange: "xpublic", topicPrefix: "v03" }]);
    // The md5 that v00 needs is not known on px.
    expect(formatsOf(withDatamart({ formats: ["exp", "v02", "v00"] }))).toEqual([v02]);
    expect(formatsOf(withDatamart({ delivery: { ...config.datamart?.delivery, alsoFormats: [] } }))).toEqual([]);
  });

  it("has the pinned key of the public data server for its port, or none before it is known", () => {
    const known = (keys: Map<string, string>, given = config) => {
      const host = withHostKeys(fixtureModel(given), keys).hosts.find(({ name }) => name === "px-1");
      return host && contentOf(host, "/etc/warren/delivery_known_hosts");
    };
    expect(known(new Map([["wxo-b1", "ssh-ed25519 AAAA"]]))).toBe("wxo-b1.cmc.ec.gc.ca,wxo-b1 ssh-ed25519 AAAA\n");
    expect(known(new Map())).toBe("# wxo-b1.cmc.ec.gc.ca,wxo-b1: host key not known yet\n");
    const values = structuredClone(stackValues("lab")) as { hosts: Record<string, object> };
    Object.assign(values.hosts["wxo-b1"] ?? {}, { ssh: { port: 2222 } });
    const elsewhere = parseStackConfig(values as Record<string, unknown>, "stack lab");
    expect(known(new Map([["wxo-b1", "ssh-ed25519 AAAA"]]), elsewhere)).toBe(
      "[wxo-b1.cmc.ec.gc.ca]:2222,[wxo-b1]:2222 ssh-ed25519 AAAA\n",
    );
    expect(knownHostMark("a", "b")).not.toContain("ssh-");
  });
});

describe("the account that delivers", () => {
  const dd = hostOf("wxo-b1", config);

  it("is restricted to SFTP and to root's folder around the document root", () => {
    expect(dd.directories).toContainEqual({ path: "/apps/dd", owner: "root", group: "root", mode: "0755" });
    const root = { path: "/apps/dd/public", owner: "px", group: "wxofeed", mode: "1775" };
    expect(dd.directories).toContainEqual(root);
    const conf = contentOf(dd, "/etc/ssh/sshd_config.d/warren-delivery.conf");
    expect(conf).toMatch(/Match User wxofeed\n[\s\S]*ChrootDirectory \/apps\/dd\n\s+ForceCommand internal-sftp\n/);
    expect(contentOf(dd, "/etc/warren/authorized_keys/wxofeed")).toMatch(/^restrict ssh-ed25519 \S+\n$/);
  });

  it("has an FTP server if a sender uses FTP, with ports only for delivering hosts", () => {
    const conf = contentOf(dd, "/etc/warren/vsftpd.conf");
    expect(conf).toContain("local_root=/apps/dd\nchroot_local_user=YES\n");
    expect(conf).not.toContain("ssl_enable");
    const passwords = dd.files.find(({ path }) => path === "/etc/warren/secrets/ftp-password");
    expect(passwords).toMatchObject({ owner: "root", mode: "0600", secret: true });
    expect(passwords && contentOf(dd, passwords.path)).toMatch(/^wxofeed:\$7\$\S{70,}\n$/);
    expect(contentOf(dd, "/etc/pam.d/warren-ftp")).toContain(`pam_pwdfile.so pwdfile=${passwords?.path}\n`);
    const rules = contentOf(dd, "/etc/warren/firewall.nft");
    expect(rules).toContain("elements = { 10.203.0.51 }");
    expect(rules).toContain("tcp dport { 21, 50000-50099 } counter reject with tcp reset");
    expect(contentOf(hostOf("bunny1", config), "/etc/warren/firewall.nft")).not.toContain("dport { 21");
    const { sftp } = config.datamart?.delivery?.senders ?? {};
    const without = {
      ...config,
      datamart: { ...config.datamart, delivery: { ...config.datamart?.delivery, senders: { sftp } } },
    };
    const bare = hostOf("wxo-b1", without as StackConfig);
    expect(bare.units.map(({ name }) => name)).not.toContain("vsftpd.service");
    expect(contentOf(bare, "/etc/warren/firewall.nft")).not.toContain("dport { 21");
  });

  it("requires FTPS if configured, with a certificate that no other account can read", () => {
    const server = hostOf("wxo-b1", fixtureConfig("lab4"));
    const conf = contentOf(server, "/etc/warren/vsftpd.conf");
    expect(conf).toContain("force_local_logins_ssl=YES\nforce_local_data_ssl=YES\n");
    const file = server.files.find(({ path }) => path === "/etc/warren/tls/ftp.pem");
    expect(file).toMatchObject({ owner: "root", mode: "0400", secret: true });
    expect(conf).toContain(`rsa_private_key_file=${file?.path}\n`);
    expect(server.units.find(({ name }) => name === "vsftpd.service")?.reads).toContain(file?.path);
  });

  it("leaves sshd running when the stack is destroyed", () => {
    const steps = hostSteps(dd);
    const removed = (name: string) => steps.find((step) => step.name === name)?.remove;
    expect(removed("ssh.service")).toBeUndefined();
    expect(removed("apache2.service")).toBeDefined();
  });
});

describe("a client", () => {
  it("is the docs' subscriber, as anonymous, with a queue of a fixed name", () => {
    const client = hostOf("client-1", config);
    const unit = contentOf(client, "/etc/systemd/system/warren-subscriber.service");
    expect(unit).toContain("subscriber.mjs q_anonymous.client-1 cmc exp.dd.notify.# /apps/px/rxq/dd\n");
    const environment = client.files.find(({ path }) => path.endsWith("subscriber.env"));
    expect(environment).toMatchObject({
      secret: true,
      mode: "0600",
      content: 'BROKER_URL="amqps://anonymous:anonymous-of-the-tests@wxo-b1.cmc.ec.gc.ca:5671/"\n',
    });
  });
});
