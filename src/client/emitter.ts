// Typed events. A listener that throws is reported and stops nobody: neither the others nor the delivery.

/** Stops listening. Idempotent. */
export type Off = () => void

export type Report = (error: unknown) => void

/** Throws for an event that there is not: its listener would never be called. */
export function checkName(names: object, name: PropertyKey): void {
  if (Object.hasOwn(names, name)) return
  throw new TypeError(`on takes the name of an event: ${Object.keys(names).join(', ')}; not ${String(name)}`)
}

export class Emitter<Events extends object> {
  readonly #report: Report
  #listeners: readonly (readonly [name: keyof Events, hear: (event: never) => void])[] = []

  constructor(report: Report) {
    this.#report = report
  }

  /** A listener added or removed while an event is told does not change who hears that event. */
  on<Name extends keyof Events>(name: Name, hear: (event: Events[Name]) => void): Off {
    const listener = [name, hear] as const
    this.#listeners = [...this.#listeners, listener]
    return () => {
      this.#listeners = this.#listeners.filter((other) => other !== listener)
    }
  }

  emit<Name extends keyof Events>(name: Name, event: Events[Name]): void {
    for (const [other, hear] of this.#listeners) {
      if (other !== name) continue
      try {
        ;(hear as (event: Events[Name]) => void)(event)
      } catch (error) {
        this.#report(error)
      }
    }
  }
}
