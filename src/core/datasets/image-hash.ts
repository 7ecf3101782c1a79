import { createHash } from "node:crypto";

/** Tells whether an image changed since it was scored: 16 hexadecimal digits of SHA-256 over its bytes. */
export function imageHash(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex").slice(0, 16);
}
