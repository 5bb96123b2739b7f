// Calling the application's functions: they may answer at once or later, throw, or never answer. None of that may stop
// a connection or the process.

import type { Clock } from '../protocol/time.js'

export type HookAnswer<T> = { readonly kind: 'answered'; readonly value: T } | { readonly kind: 'failed' }

export interface HookCaller {
  /**
   * The hook's answer; synchronous when the hook is. A hook that throws, rejects, or has no answer by the deadline has
   * `failed` and is reported; what it answers later is ignored.
   */
  call<T>(name: string, hook: () => T | Promise<T>): HookAnswer<T> | Promise<HookAnswer<T>>
}

export function createHookCaller(ask: {
  readonly clock: Clock
  readonly deadlineMs: number
  readonly report: (error: unknown, doing: string) => void
}): HookCaller {
  const failed = (error: unknown, name: string) => {
    ask.report(error, `the hook ${name}`)
    return { kind: 'failed' } as const
  }

  const later = <T>(name: string, promise: Promise<T>) =>
    new Promise<HookAnswer<T>>((resolve) => {
      const cancel = ask.clock.after(ask.deadlineMs, () => {
        resolve(failed(new Error(`no answer within ${ask.deadlineMs} ms`), name))
      })
      promise.then(
        (value) => {
          cancel()
          resolve({ kind: 'answered', value })
        },
        (error: unknown) => {
          cancel()
          resolve(failed(error, name))
        },
      )
    })

  return {
    call(name, hook) {
      try {
        const value = hook()
        return isPromise(value) ? later(name, value) : { kind: 'answered', value }
      } catch (error) {
        return failed(error, name)
      }
    },
  }
}

/** Also for promises of other makers. */
export function isPromise<T>(value: T | Promise<T>): value is Promise<T> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function'
}
