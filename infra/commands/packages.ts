import { and, type Command, or, run, to } from "./command.ts";

/** dpkg keeps configuration files that are already there: they are ours. */
const dpkgOptions = ["-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold"];
/** Seconds to wait for another apt on the host, e.g. unattended-upgrades. */
const lockOptions = ["-o", "DPkg::Lock::Timeout=120"];

const apt = (...words: readonly string[]): Command =>
  run("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-y", ...lockOptions, ...dpkgOptions, ...words);

const dpkg = (...words: readonly string[]): Command =>
  run("env", "DEBIAN_FRONTEND=noninteractive", "dpkg", "--force-confdef", "--force-confold", ...words);

/**
 * Installs packages and holds those that are pinned. The versions come from apt preferences, which must be written
 * before. Packages that are there and as they should be leave apt without work. What a run that was killed has left half installed, which apt does
 * nothing beside, is finished first.
 */
export function installPackages(names: readonly string[], held: readonly string[]): Command {
  const install = to("/dev/null", apt("install", "--no-install-recommends", "--allow-change-held-packages", ...names));
  return and(
    to("/dev/null", apt("update")),
    or(install, and(to("/dev/null", dpkg("--configure", "-a")), install)),
    ...(held.length > 0 ? [to("/dev/null", run("apt-mark", "hold", ...held))] : []),
  );
}

/** apt's lists as the archives have them now. One that doesn't answer is an error: old lists would say that nothing is new. */
export const refreshLists = (): Command => to("/dev/null", apt("update", "-o", "APT::Update::Error-Mode=any"));

/** Says what installing the newest versions of packages that are there would change, `Inst` and `Remv` lines; changes nothing. */
export const simulateUpgrade = (names: readonly string[]): Command =>
  apt("install", "--simulate", ...upgradeOptions, ...names);

const upgradeOptions = ["--no-install-recommends", "--only-upgrade", "--allow-change-held-packages"];

export interface PackageVersion {
  readonly name: string;
  readonly to: string;
}

/** Into apt's archive on the host: what is then installed takes no network. */
export const fetchUpgrade = (wanted: readonly PackageVersion[]): Command =>
  to("/dev/null", apt("install", "--download-only", ...upgradeOptions, ...versions(wanted)));

/** These versions and no others; fails where that would take a package off. Those that are held are held again. */
export function upgradePackages(wanted: readonly PackageVersion[], held: readonly string[]): Command {
  const install = to("/dev/null", apt("install", "--no-remove", ...upgradeOptions, ...versions(wanted)));
  return and(
    or(install, and(to("/dev/null", dpkg("--configure", "-a")), install)),
    ...(held.length > 0 ? [to("/dev/null", run("apt-mark", "hold", ...held))] : []),
  );
}

const versions = (wanted: readonly PackageVersion[]): string[] =>
  wanted.map(({ name, to: version }) => `${name}=${version}`);

/** Takes packages off with their configuration and what only they needed. */
export function purgePackages(names: readonly string[]): Command {
  return and(
    or(to("/dev/null", run("apt-mark", "unhold", ...names)), run("true")),
    to("/dev/null", apt("purge", "--autoremove", ...names)),
  );
}

/** A system account without a login, with a home that is not made. */
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
