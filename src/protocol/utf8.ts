// Strings as bytes: how long a text is on the wire, and whether it can be put there at all.

const nativeCheck = (String.prototype as { isWellFormed?: () => boolean }).isWellFormed
const encoder = new TextEncoder()
const loneSurrogate = /\p{Surrogate}/u

/** True when the text has no half of a surrogate pair alone: only then does UTF-8 carry it unchanged. */
export function isWellFormed(text: string): boolean {
  return nativeCheck === undefined ? !loneSurrogate.test(text) : nativeCheck.call(text)
}

/** The UTF-8 length in bytes. A lone surrogate counts 3, as the replacement character that encoders write for it. */
export function utf8Length(text: string): number {
  // Encoding a long text natively is many times faster than counting here, even with its garbage.
  if (text.length > 256) return encoder.encode(text).length
  let bytes = text.length
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code < 0x80) continue
    if (code < 0x800) {
      bytes += 1
      continue
    }
    bytes += 2
    // A pair is two units here and four bytes there.
    if (code >= 0xd800 && code < 0xdc00 && isLowSurrogate(text.charCodeAt(at + 1))) at++
  }
  return bytes
}

/** True when the text is longer than `bytesMax` in UTF-8. Costs nothing for texts far below the limit. */
export function isLongerThan(text: string, bytesMax: number): boolean {
  if (text.length * 3 <= bytesMax) return false
  return text.length > bytesMax || utf8Length(text) > bytesMax
}

/** The first `charsMax` UTF-16 units, never ending in half a pair. */
export function truncate(text: string, charsMax: number): string {
  if (text.length <= charsMax) return text
  const isHalf = isLowSurrogate(text.charCodeAt(charsMax)) && charsMax > 0
  return text.slice(0, isHalf ? charsMax - 1 : charsMax)
}

function isLowSurrogate(code: number): boolean {
  return code >= 0xdc00 && code < 0xe000
}
