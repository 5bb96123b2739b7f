// The drawer "Break it": real faults for one person's own connections, made by the proxy in front of the server.

import { useEffect, useId, useState } from 'react'
import type { Logbook } from './logbook.js'

interface Fault {
  readonly kind: 'cut' | 'half-open' | 'lose-reply' | 'slow' | 'restart' | 'reload'
  readonly label: string
  /** What a visitor should know, and do. */
  readonly note: (seconds: number) => string
}

const faults: readonly Fault[] = [
  {
    kind: 'cut',
    label: 'Cut',
    note: (seconds) => `Reset without a goodbye, refused for ${seconds} s. Write something meanwhile.`,
  },
  {
    kind: 'half-open',
    label: 'Half-open',
    note: () => 'The connection looks fine and carries nothing. The heartbeat finds out in about 8 s.',
  },
  {
    kind: 'lose-reply',
    label: 'Lose the next reply',
    note: () => 'Send a message: the server keeps it, its answer is lost. It is sent again, and kept once.',
  },
  { kind: 'slow', label: 'Slow link', note: (seconds) => `Every piece takes 0.7 s longer, for ${seconds} s.` },
  { kind: 'reload', label: 'Reload', note: () => 'The page is loaded again.' },
  {
    kind: 'restart',
    label: 'Kill the server',
    note: () => 'The server process is killed and started again. Sessions and messages are in its store.',
  },
]

export interface BreakDrawerProps {
  readonly person: string
  /** Says which connections are this person's; no secret. */
  readonly tab: string
  readonly logbook: Logbook
}

export function BreakDrawer({ person, tab, logbook }: BreakDrawerProps) {
  const [seconds, setSeconds] = useState(5)
  const [note, setNote] = useState('')
  const slider = useId()
  const kinds = useKinds()

  const make = async ({ kind, label, note: noteOf }: Fault) => {
    logbook.add('break', label.toLowerCase())
    if (kind === 'reload') return location.reload()
    const ms = kind === 'half-open' ? 60_000 : seconds * 1_000
    const answer = await fetch('/break', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ kind, tab, ms }),
    }).catch(() => null)
    setNote(answer?.ok === true ? noteOf(seconds) : 'The demo server could not be asked.')
  }

  return (
    <section className="breaks" aria-label={`Break the connection of ${person}`}>
      <h2>Break it</h2>
      <div className="buttons">
        {faults
          .filter(({ kind }) => kind === 'reload' || kinds.includes(kind))
          .map((fault) => (
            <button key={fault.kind} type="button" className="quiet" onClick={() => void make(fault)}>
              {fault.label}
              {fault.kind === 'cut' || fault.kind === 'slow' ? ` ${seconds} s` : ''}
            </button>
          ))}
      </div>
      <div className="slider">
        <label htmlFor={slider}>For {seconds} s</label>
        <input
          id={slider}
          type="range"
          min="1"
          max="30"
          value={seconds}
          onChange={({ target }) => setSeconds(Number(target.value))}
        />
      </div>
      <p className="hint" role="status">
        {note}
      </p>
    </section>
  )
}

/** What this server lets visitors do; in production nothing. */
function useKinds(): readonly string[] {
  const [kinds, setKinds] = useState<readonly string[]>([])
  useEffect(() => {
    const stop = new AbortController()
    void fetch('/break', { signal: stop.signal })
      .then(async (answer) => setKinds(answer.ok ? (await answer.text()).trim().split(' ') : []))
      .catch(() => {})
    return () => stop.abort()
  }, [])
  return kinds
}
