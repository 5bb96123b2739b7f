// What the application is told: connect, drop, resume, leave. Listeners may take their time, and may fail or never end.

import type { SessionEvent } from '../engine/engine.js'
import type { HookCaller } from './hook.js'

type Happening<K extends SessionEvent['kind']> = Omit<Extract<SessionEvent, { kind: K }>, 'kind'>

/** Every event has a stable `id`: it is told at least once, and twice only when a process dies inside a listener. */
export interface ServerEvents {
  /** A session has begun. */
  readonly connect: Happening<'connect'>
  /** The connection is gone, the session is held. */
  readonly drop: Happening<'drop'>
  /** The session came back. */
  readonly resume: Happening<'resume'>
  /** The session is over. */
  readonly leave: Happening<'leave'>
}

export type Listener<E> = (event: E) => void | Promise<void>

export interface Events {
  on<K extends keyof ServerEvents>(kind: K, listener: Listener<ServerEvents[K]>): () => void
  /**
   * Resolves when every listener is done. Never rejects: a listener that fails, or takes longer than the caller of hooks
   * waits, is reported and counts as done.
   */
  tell(event: SessionEvent): Promise<void>
}

/** A listener may take this long; what it has not done by then nobody waits for. */
export const listenerDeadlineMs = 60_000

export function createEvents(hooks: HookCaller): Events {
  const listeners: { readonly [kind in keyof ServerEvents]: Set<(event: unknown) => void | Promise<void>> } = {
    connect: new Set(),
    drop: new Set(),
    resume: new Set(),
    leave: new Set(),
  }

  return {
    on(kind, listener) {
      const set = listeners[kind]
      if (set === undefined) {
        throw new Error(`there is no event ${String(kind)}; events are ${Object.keys(listeners).join(', ')}`)
      }
      // The same function may listen twice; each call is taken back on its own.
      const own = (event: unknown) => listener(event as ServerEvents[typeof kind])
      set.add(own)
      return () => void set.delete(own)
    },
    async tell({ kind, ...event }) {
      await Promise.all([...listeners[kind]].map((listener) => hooks.call(`on ${kind}`, () => listener(event))))
    },
  }
}
