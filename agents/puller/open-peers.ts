import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import type { BrokerSession } from "../lib/broker-session.ts";
import type { Log } from "../lib/log.ts";
import type { Config } from "./config.ts";
import { readKnownPeers, writeKnownPeers } from "./known-peers.ts";
import { PeerLine } from "./peer-line.ts";
import type { Inquiry, Standing } from "./peer-message.ts";
import { type PeerAnswer, Peers } from "./peers.ts";
import { stateFile } from "./state-file.ts";

export interface OpenPeersOptions {
  readonly config: Config;
  readonly stateDirectory: string;
  readonly session: BrokerSession;
  readonly notices: BrokerSession;
  readonly log: Log;
  readonly standingOf: (about: Inquiry, answerNow: AbortSignal) => Promise<Standing>;
  readonly onSilent: (others: readonly string[]) => void;
  /** The other pullers can ask this one from now on; called again after each loss of the connection. */
  readonly onConnected?: () => void;
}

/** The other pullers, as this one sees them. */
export interface OpenPeers {
  readonly counts: { readonly known: number; readonly silent: number };
  ask(about: Inquiry, signal: AbortSignal): Promise<PeerAnswer>;
}

const nonceBytes = 6;

/** Joins the pullers. Asks and answers nothing if `peersWaitMs` is 0. */
export function openPeers(options: OpenPeersOptions): OpenPeers {
  const { config, stateDirectory, session, notices, log, standingOf, onSilent } = options;
  const { exchange, peersTopic: topic, peersWaitMs: waitMs, receiverQueueDirectory } = config;
  if (waitMs === 0) return { counts: { known: 0, silent: 0 }, ask: async () => "nothing" };
  const knownFile = stateFile("peers", "json", { stateDirectory, receiverQueueDirectory });
  const onFailure = (err: Error) =>
    log.warn(
      { err },
      "the list of known pullers can't be saved: after a restart, a puller that is away may not be waited for",
    );
  const peers = new Peers({
    self: `${hostname()}:${receiverQueueDirectory}`,
    nonce: randomBytes(nonceBytes).toString("base64url"),
    known: readKnownPeers(knownFile, onFailure),
    onKnown: (others) => writeKnownPeers(knownFile, others, onFailure),
    waitMs,
    send: (message) => line.send(message),
    standingOf,
    onSilent,
  });
  const line = new PeerLine({
    ...{ session, notices, exchange, topic, log },
    onConnected: () => {
      peers.connected();
      options.onConnected?.();
    },
    onDisconnected: () => peers.disconnected(),
    onRefused: () => peers.refused(),
    onMessage: (message) => peers.onMessage(message),
  });
  return peers;
}
