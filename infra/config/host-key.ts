import * as z from "zod";

const types = ["ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa"];

/** A host's public key as `TYPE BASE64`; a comment after it, as in `/etc/ssh/ssh_host_ed25519_key.pub`, is dropped. */
export const hostKeySchema = z
  .string()
  .refine(
    isPublicKey,
    'expected a host\'s public key, e.g. "ssh-ed25519 AAAA…" from its /etc/ssh/ssh_host_ed25519_key.pub',
  )
  .transform((text) => text.trim().split(/\s+/).slice(0, 2).join(" "));

/** The blob begins with its type (RFC 4253, 6.6), which reveals a key that was truncated or garbled when it was pasted. */
function isPublicKey(text: string): boolean {
  const [type = "", base64 = ""] = text.trim().split(/\s+/);
  if (!types.includes(type) || !/^[A-Za-z0-9+/]+=*$/.test(base64)) return false;
  const blob = Buffer.from(base64, "base64");
  const begin = 4 + type.length;
  if (blob.length < begin + 4 || blob.readUInt32BE(0) !== type.length) return false;
  if (blob.subarray(4, begin).toString("latin1") !== type) return false;
  let at = begin;
  while (at + 4 <= blob.length) at += 4 + blob.readUInt32BE(at);
  return at === blob.length;
}
