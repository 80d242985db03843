import { spawn } from "node:child_process";
import { once } from "node:events";

/** Acts as systemd at an agent's NOTIFY_SOCKET. */
export interface NotifySocket {
  /** Received datagrams, with newlines between fields. */
  readonly notices: readonly string[];
  stop(): void;
}

const listener = `
use Socket;
socket(my $socket, AF_UNIX, SOCK_DGRAM, 0) or die $!;
bind($socket, pack_sockaddr_un($ARGV[0])) or die $!;
$| = 1;
my $notice;
print "\\0";
print "$notice\\0" while defined recv($socket, $notice, 65536, 0);
`;

export async function listenForNotices(path: string): Promise<NotifySocket> {
  const child = spawn("perl", ["-e", listener, path], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const notices: string[] = [];
  let rest = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    const records = `${rest}${text}`.split("\0");
    rest = records.pop() ?? "";
    notices.push(...records.filter((record) => record !== ""));
  });
  await once(child.stdout, "data");
  return { notices, stop: () => void child.kill("SIGKILL") };
}
