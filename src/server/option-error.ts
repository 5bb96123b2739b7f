// A mistake in what an operator or application wrote: an option, a variable, a config file.

/** The message names the option, what came and what is allowed. */
export class OptionError extends Error {
  override readonly name = 'OptionError'
}

/** Throws for what is no object, or has a key that does not exist. */
export function checkKeysOf(where: string, value: unknown, keys: readonly string[]): void {
  if (value === undefined) return
  if (typeof value !== 'object' || value === null) throw new OptionError(`${where} must be an object`)
  const unknown = Object.keys(value).find((key) => !keys.includes(key))
  if (unknown !== undefined) throw new OptionError(`${where}: there is no ${unknown}, only ${keys.join(', ')}`)
}
