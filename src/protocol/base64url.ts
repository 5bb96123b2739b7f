// Bytes as text for places that take no `+`, `/` or `=` (RFC 4648 §5, without padding).

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

/** Base64url without padding; the same text in browsers and servers. */
export function base64url(bytes: Uint8Array): string {
  let text = ''
  for (let at = 0; at < bytes.length; at += 3) {
    const group = ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0)
    const charCount = Math.min(bytes.length - at, 3) + 1
    for (let char = 0; char < charCount; char++) text += alphabet.charAt((group >>> (18 - 6 * char)) & 63)
  }
  return text
}
