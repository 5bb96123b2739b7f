// A mistake in what an operator or application wrote: an option, a variable, a config file.

/** The message names the option, what came and what is allowed. */
export class OptionError extends Error {
  override readonly name = 'OptionError'
}
