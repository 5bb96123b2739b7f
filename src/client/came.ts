// How messages say what came instead of what was asked for.

import { isObject } from '../protocol/check.js'

/** Short, whatever it is. */
export function came(value: unknown): string {
  if (typeof value === 'number') return `${value}`
  if (typeof value === 'string') {
    return value.length > 40 ? `a string of ${value.length} characters` : JSON.stringify(value)
  }
  if (value === undefined || value === null) return `${value}`
  return isObject(value) ? `an object with ${Object.keys(value).join(', ') || 'no fields'}` : `a ${typeof value}`
}
