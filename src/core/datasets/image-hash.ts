import { createHash } from "node:crypto";

/** Tells whether an image changed since it was scored: 16 hexadecimal digits of SHA-256 over its bytes. */
export function imageHash(bytes: Uint8Array): string {
  return shortHash(createHash("sha256").update(bytes).digest("hex"));
}

/** The same of an SHA-256 that is known. */
export function shortHash(sha256: string): string {
  return sha256.slice(0, 16);
}
