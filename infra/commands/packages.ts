import { and, type Command, or, run, to } from "./command.ts";

/** dpkg keeps existing configuration files, because warren writes them. */
const dpkgOptions = ["-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold"];
/** Seconds to wait for another apt process on the host, e.g. unattended-upgrades. */
const lockOptions = ["-o", "DPkg::Lock::Timeout=120"];

const apt = (...words: readonly string[]): Command =>
  run("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-y", ...lockOptions, ...dpkgOptions, ...words);

const dpkg = (...words: readonly string[]): Command =>
  run("env", "DEBIAN_FRONTEND=noninteractive", "dpkg", "--force-confdef", "--force-confold", ...words);

/**
 * Configures the packages that an interrupted run has unpacked; until then apt does nothing. It fails if the run was killed while it unpacked a
 * package: apt unpacks that one again, so only apt's result counts.
 */
const configureInterrupted = or(to("/dev/null", dpkg("--configure", "-a")), run("true"));

/**
 * Installs packages and holds those that are pinned. Versions come from apt preferences, which must be written before. If all packages are
 * installed, apt does nothing. Packages that a killed run left half-configured block apt, so they are
 * configured first.
 */
export function installPackages(names: readonly string[], held: readonly string[]): Command {
  const install = to("/dev/null", apt("install", "--no-install-recommends", "--allow-change-held-packages", ...names));
  return and(
    to("/dev/null", apt("update")),
    or(install, and(configureInterrupted, install)),
    ...(held.length > 0 ? [to("/dev/null", run("apt-mark", "hold", ...held))] : []),
  );
}

/** Refreshes apt's lists. An archive that doesn't answer is an error: with old lists nothing would look new. */
export const refreshLists = (): Command => to("/dev/null", apt("update", "-o", "APT::Update::Error-Mode=any"));

/** Prints the changes of an upgrade of installed packages as `Inst` and `Remv` lines, and changes nothing. */
export const simulateUpgrade = (names: readonly string[]): Command =>
  apt("install", "--simulate", ...upgradeOptions, ...names);

const upgradeOptions = ["--no-install-recommends", "--only-upgrade", "--allow-change-held-packages"];

export interface PackageVersion {
  readonly name: string;
  readonly to: string;
}

/** Downloads into apt's archive on the host, so that the installation needs no network. */
export const fetchUpgrade = (wanted: readonly PackageVersion[]): Command =>
  to("/dev/null", apt("install", "--download-only", ...upgradeOptions, ...versions(wanted)));

/** Installs exactly these versions; fails if that would remove a package. Held packages are held again. */
export function upgradePackages(wanted: readonly PackageVersion[], held: readonly string[]): Command {
  const install = to("/dev/null", apt("install", "--no-remove", ...upgradeOptions, ...versions(wanted)));
  return and(
    or(install, and(configureInterrupted, install)),
    ...(held.length > 0 ? [to("/dev/null", run("apt-mark", "hold", ...held))] : []),
  );
}

const versions = (wanted: readonly PackageVersion[]): string[] =>
  wanted.map(({ name, to: version }) => `${name}=${version}`);

/** Purges packages with their configuration and unneeded dependencies. */
export function purgePackages(names: readonly string[]): Command {
  return and(
    or(to("/dev/null", run("apt-mark", "unhold", ...names)), run("true")),
    to("/dev/null", apt("purge", "--autoremove", ...names)),
  );
}

/** A system account without a login shell; its home is not created. */
export function makeAccount(name: string, home: string): Command {
  return or(
    to("/dev/null", run("getent", "passwd", name)),
    run(
      "useradd",
      "--system",
      "--user-group",
      "--home-dir",
      home,
      "--no-create-home",
      "--shell",
      "/usr/sbin/nologin",
      name,
    ),
  );
}
