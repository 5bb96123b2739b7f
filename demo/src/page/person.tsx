// One person: a session of his own, his name, his chat, and the drawer that breaks his connection.

import { ConnectionBanner, HoldfastProvider, useSession } from 'holdfast/react'
import { useId, useState } from 'react'
import { Avatar } from './avatar.js'
import { BreakDrawer } from './break-drawer.js'
import { Chat } from './chat.js'
import { keptName, type PersonId, tabOf } from './kept.js'
import { logbookOf } from './logbook.js'
import { Timeline } from './timeline.js'

/** Somebody is watching: try again sooner than an application of thousands should. */
const reconnect = { maxMs: 3_000 }

export function Person({ person }: { readonly person: PersonId }) {
  const [name, setName] = useState(() => keptName.read(person))
  const rename = (next: string) => {
    keptName.write(person, next)
    setName(next)
  }
  return (
    <section className="person" aria-label={name}>
      <HoldfastProvider url={`/?tab=${tabOf(person)}`} sessionKey={person} reconnect={reconnect}>
        <Head person={person} name={name} rename={rename} />
        <ConnectionBanner className="banner" />
        <Inside person={person} name={name} />
      </HoldfastProvider>
    </section>
  )
}

interface HeadProps {
  readonly person: PersonId
  readonly name: string
  readonly rename: (name: string) => void
}

function Head({ person, name, rename }: HeadProps) {
  const [draft, setDraft] = useState(name)
  const field = useId()
  return (
    <header className="who">
      <form
        className="me"
        onSubmit={(event) => {
          event.preventDefault()
          const next = draft.trim() || name
          setDraft(next)
          rename(next)
        }}
      >
        <Avatar name={name} />
        <label className="visually-hidden" htmlFor={field}>
          Your name
        </label>
        <input
          id={field}
          data-person={person}
          value={draft}
          maxLength={24}
          autoComplete="off"
          onChange={({ target }) => setDraft(target.value)}
          onBlur={() => rename(draft.trim() || name)}
        />
      </form>
      <SessionLine />
    </header>
  )
}

function SessionLine() {
  const { data } = useSession()
  return <p className="hint">{data.id === null ? 'connecting …' : `session ${data.id.slice(0, 8)}`}</p>
}

function Inside({ person, name }: { readonly person: PersonId; readonly name: string }) {
  const { data } = useSession()
  const logbook = data.session === null ? null : logbookOf(data.session, person)
  return (
    <div className="inside">
      <Chat person={person} name={name} logbook={logbook} />
      {logbook === null ? null : (
        <aside className="lab" aria-label={`Storms and timeline of ${name}`}>
          <Timeline person={name} logbook={logbook} />
          <BreakDrawer person={name} tab={tabOf(person)} logbook={logbook} />
        </aside>
      )}
    </div>
  )
}
