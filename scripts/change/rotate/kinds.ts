import { UserError } from "../../../agents/lib/errors.ts";
import type { Kind } from "./book.ts";
import { cookieRotation } from "./cookie.ts";
import { deliveryRotation } from "./delivery.ts";
import { passwordRotation } from "./password.ts";
import type { Rotation } from "./phase.ts";
import { sshRotation } from "./ssh.ts";
import type { Subject } from "./subject.ts";
import { tlsRotation } from "./tls.ts";

/** @throws UserError if it doesn't fit the stack, or no user is given for a password */
export function rotationOf(subject: Subject, kind: Kind, user: string | undefined, cutOff: boolean): Rotation {
  if (kind !== "password" && user !== undefined) {
    throw new UserError(`rotate ${kind}`, `takes no user, got ${user}`, `./warren rotate ${kind} -s ${subject.stack}`);
  }
  if (kind === "cookie") return cookieRotation(subject);
  if (kind === "tls") return tlsRotation(subject);
  if (kind === "ssh") return sshRotation(subject);
  if (kind === "delivery") return deliveryRotation(subject);
  if (user !== undefined) return passwordRotation(subject, user, cutOff);
  throw new UserError(
    "rotate password",
    "no user given",
    `add a user, e.g. ${subject.before.announcements.user}, which the agents use`,
  );
}
