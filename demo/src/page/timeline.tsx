// Draws what happened in the last minute and a half: the connection as a bar, everything else as marks on it. The same
// is there as a list, for those who would rather read. It knows nothing of sessions.

import { useSyncExternalStore } from 'react'
import type { Counts, Happening, Kind, Logbook, Span } from './logbook.js'
import { useNow } from './use-now.js'

const windowMs = 90_000
const width = 600
const height = 104
const lanes = { connection: 12, faults: 32, turns: 54, entries: 78 }

interface Look {
  readonly lane: keyof typeof lanes
  readonly name: string
  /** An SVG path around the origin. */
  readonly path: string
}

const looks: { readonly [kind in Kind]: Look } = {
  drop: { lane: 'turns', name: 'drop', path: 'M-5 -5 L5 5 M5 -5 L-5 5' },
  resume: { lane: 'turns', name: 'resume', path: 'M-5 0 L-1.5 4.5 L5.5 -4.5' },
  new: { lane: 'turns', name: 'new session', path: 'M0 -6 L6 0 L0 6 L-6 0 Z' },
  reload: { lane: 'faults', name: 'reload', path: 'M4 -4 A5.5 5.5 0 1 0 5.5 1 M4 -7 V-3.5 H0.5' },
  break: { lane: 'faults', name: 'fault', path: 'M1 -7 L-4 1 H0 L-1 7 L4 -1 H0 Z' },
  live: { lane: 'entries', name: 'live message', path: 'M0 -5 V5' },
  mine: { lane: 'entries', name: 'my message', path: 'M0 -5 V5' },
  replayed: { lane: 'entries', name: 'replayed', path: 'M-3.2 0 A3.2 3.2 0 1 0 3.2 0 A3.2 3.2 0 1 0 -3.2 0' },
  duplicate: { lane: 'entries', name: 'suppressed', path: 'M-4 -4 H4 V4 H-4 Z' },
  gap: { lane: 'entries', name: 'gap', path: 'M0 -6 L6 5 H-6 Z' },
}

const legend = ['drop', 'resume', 'replayed', 'duplicate', 'gap', 'reload', 'break'] as const satisfies readonly Kind[]

export function Timeline({ logbook, person }: { readonly logbook: Logbook; readonly person: string }) {
  const { happenings, spans, counts } = useSyncExternalStore(logbook.subscribe, logbook.snapshot)
  const nowMs = useNow(250)
  const recent = happenings.filter(({ atMs }) => atMs > nowMs - windowMs)
  const list = happenings.filter(({ kind }) => kind !== 'live' && kind !== 'mine').slice(-30)
  return (
    <section className="timeline" aria-label={`What happened to ${person}`}>
      <p className="verdict" data-clean={counts.lost === 0 && counts.twice === 0} role="status">
        <strong>{plural(counts.drops, 'drop')}</strong>, <strong>{counts.lost} lost</strong>,{' '}
        <strong>{counts.twice} twice</strong>
      </p>
      <div className="picture">
        <svg className="lanes" viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" role="img">
          <title>{`The last ${windowMs / 1_000} seconds: ${sentence(counts)}`}</title>
          {spans.map((span) => (
            <SpanBar key={span.fromMs} span={span} nowMs={nowMs} />
          ))}
        </svg>
        <div className="marks" aria-hidden="true">
          {recent.map((happening) => (
            <Mark key={happening.id} happening={happening} nowMs={nowMs} />
          ))}
          <span className="then">90 s ago</span>
          <span className="now">now</span>
        </div>
      </div>
      <dl className="counts">
        <Count name="Resumed" value={counts.resumes} />
        <Count name="Replayed" value={counts.replayed} />
        <Count name="Suppressed" value={counts.suppressed} />
      </dl>
      <details className="story">
        <summary>Legend, and all as a list</summary>
        <ul className="legend" aria-label="Legend">
          {legend.map((kind) => (
            <li key={kind}>
              <Glyph kind={kind} /> {looks[kind].name}
            </li>
          ))}
        </ul>
        {list.length === 0 ? <p className="hint">Nothing has happened yet.</p> : null}
        <ol
          // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
          tabIndex={0}
          aria-label={`What happened to ${person}, newest first`}
        >
          {list.toReversed().map(({ id, atMs, kind, text }) => (
            <li key={id}>
              <time dateTime={new Date(atMs).toISOString()}>{new Date(atMs).toLocaleTimeString()}</time>{' '}
              <b>{looks[kind].name}</b> {text}
            </li>
          ))}
        </ol>
      </details>
    </section>
  )
}

function SpanBar({ span, nowMs }: { readonly span: Span; readonly nowMs: number }) {
  const from = Math.max(0, xOf(span.fromMs, nowMs))
  const to = xOf(span.toMs ?? nowMs, nowMs)
  if (to <= 0) return null
  return (
    <rect
      className={`span ${span.state}`}
      x={from}
      y={lanes.connection - 6}
      width={Math.max(1.5, to - from)}
      height="12"
    />
  )
}

function Mark({ happening: { kind, atMs, text }, nowMs }: { readonly happening: Happening; readonly nowMs: number }) {
  const { lane, name } = looks[kind]
  const style = { left: `${(100 * xOf(atMs, nowMs)) / width}%`, top: `${(100 * lanes[lane]) / height}%` }
  return (
    <span className="mark" style={style} title={`${name}: ${text}`}>
      <Glyph kind={kind} />
    </span>
  )
}

function Glyph({ kind }: { readonly kind: Kind }) {
  return (
    <svg className={`glyph ${kind}`} viewBox="-8 -8 16 16" width="16" height="16" aria-hidden="true">
      <path d={looks[kind].path} />
    </svg>
  )
}

function Count({ name, value }: { readonly name: string; readonly value: number }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  )
}

function xOf(atMs: number, nowMs: number): number {
  return width - ((nowMs - atMs) / windowMs) * width
}

function sentence({ drops, lost, twice, resumes }: Counts): string {
  return `${plural(drops, 'drop')}, ${plural(resumes, 'resume')}, ${lost} messages lost, ${twice} shown twice`
}

function plural(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`
}
