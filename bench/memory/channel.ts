// What the two processes of the memory measurement tell each other.

export type ToServer = { readonly do: 'measure' } | { readonly do: 'stop' }

export interface Measured {
  readonly is: 'measured'
  /** RssAnon and RssFile of /proc/self/status. */
  readonly anonBytes: number
  readonly fileBytes: number
  readonly heapBytes: number
  /** Rooms in the server's memory. */
  readonly rooms: number
}

export type FromServer = Measured | { readonly is: 'listening'; readonly port: number; readonly startMs: number }
