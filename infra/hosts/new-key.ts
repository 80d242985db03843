import ssh2 from "ssh2";

/**
 * A new ed25519 key, as `ssh-keygen` writes it. ssh2 cuts zero bytes off the front of the public half, so that nothing can read one key in 256:
 * those are thrown away.
 */
export function newSshKey(comment = ""): { readonly private: string; readonly public: string } {
  for (;;) {
    const key = ssh2.utils.generateKeyPairSync("ed25519", { comment });
    if (!(ssh2.utils.parseKey(key.private) instanceof Error)) return key;
  }
}
