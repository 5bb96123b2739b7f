// A value that must not be seen: it prints as `***` wherever values get printed by accident (logs, errors, inspect).

import { createHash } from 'node:crypto'
import { inspect } from 'node:util'

const hidden = '***'

/** Holds a secret. Only `reveal` gives it out; text, JSON and inspect show `***`. */
export class Secret {
  readonly #value: string

  constructor(value: string) {
    this.#value = value
  }

  reveal(): string {
    return this.#value
  }

  toString(): string {
    return hidden
  }

  toJSON(): string {
    return hidden
  }

  [inspect.custom](): string {
    return hidden
  }
}

/** SHA-256 in base64url, as stores keep secrets. Enough for 256 random bits; not for passwords. */
export function hashOf(value: string): string {
  return createHash('sha256').update(value).digest('base64url')
}
